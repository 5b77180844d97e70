// The pages of docs/reference against the code. TOCSIN_WRITE_REFERENCE=1 writes options.md anew.
#include <cstdlib>
#include <sstream>

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

std::string page(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(std::string(TOCSIN_TOP) + "/docs/reference/" + name).rdbuf();
  return text.str();
}

TEST(Reference, OptionsPageIsWhatTheCodeDeclares) {
  if (std::getenv("TOCSIN_WRITE_REFERENCE"))
    std::ofstream(std::string(TOCSIN_TOP) + "/docs/reference/options.md") << reference_page();
  EXPECT_EQ(page("options.md"), reference_page()) << "run settings_test with TOCSIN_WRITE_REFERENCE=1";
}

TEST_F(Trial, TheExampleOfTheReferenceIsWithoutAWord) {
  variables_["SMTP_PASSWORD"] = "x";
  const Loaded loaded = load(page("agent.example.toml"));
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(loaded.routing.root->routes.at(0).path, "root/security");
}

}  // namespace
}  // namespace tocsin::settings
