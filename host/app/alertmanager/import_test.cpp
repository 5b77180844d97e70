#include "alertmanager/import.hpp"

#include <cstdlib>

#include "alertmanager/trial_test.hpp"

namespace tocsin::alertmanager {
namespace {

/// TOCSIN_GOLDEN=write writes the expected text anew.
TEST(Import, WritesTheGoldenFile) {
  const Imported made = import_document(content_of(test_file("shop.yml")), "shop.yml");
  EXPECT_FALSE(config::has_errors(made.diagnostics)) << lines(made.diagnostics);
  if (const char* write = std::getenv("TOCSIN_GOLDEN"); write && std::string_view(write) == "write")
    std::ofstream(test_file("shop.toml")) << made.toml;
  EXPECT_EQ(made.toml, content_of(test_file("shop.toml")));
}

TEST(Import, TakesSecretsOut) {
  const Imported made = import_document(content_of(test_file("shop.yml")), "shop.yml");
  EXPECT_EQ(made.secrets.at("secrets/smtp-auth-password"), "p4ss ${HOME} word");
  EXPECT_EQ(made.secrets.at("secrets/payments-webhook-1-token"), "t0ken");
  for (const auto& [file, secret] : made.secrets) EXPECT_EQ(made.toml.find(secret), std::string::npos) << file;
}

TEST(Import, WritesNothingOfAFileWithErrors) {
  const Imported made = import_document("route: {}\n", "am.yml");
  EXPECT_TRUE(config::has_errors(made.diagnostics));
  EXPECT_EQ(made.toml, "");
}

}  // namespace
}  // namespace tocsin::alertmanager
