#include "settings/adapters.hpp"

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

const std::string phone_config = R"([route]
notify = ['sms:contact.a']
[contact.a]
phone = '+1'
[notifier.sms]
plugin = 'phone'
)";

const base::Value* config_of_sms(const Loaded& loaded) {
  for (const auto& instance : loaded.instances)
    if (instance.name == "sms") return &instance.config;
  return nullptr;
}

TEST_F(Trial, AnAdapterIsReadBesideItsFileAndWatched) {
  write("rules.d/modem.lua", "function send() end\n");
  const Loaded loaded = load(phone_config + "adapter = 'rules.d/modem.lua'\n");
  EXPECT_EQ(says(loaded), "");
  const auto* config = config_of_sms(loaded);
  ASSERT_TRUE(config && config->find("adapter_text"));
  EXPECT_EQ(*config->find("adapter_text")->string(), "function send() end\n");
  const std::string script = (directory_ / "rules.d/modem.lua").string();
  EXPECT_EQ(*config->find("adapter")->string(), script);
  EXPECT_EQ(loaded.secret_files, std::vector<std::string>{script});
}

TEST_F(Trial, WithoutAnAdapterWhatIsRequiredIs) {
  EXPECT_EQ(says(load(phone_config)), "agent.toml:5:1: error: [notifier.sms] needs \"send\": The request.\n");
}

TEST_F(Trial, AnAdapterThatIsNotThereIsAnErrorAtItsOption) {
  const auto said = says(load(phone_config + "adapter = 'modem.lua'\n"));
  EXPECT_TRUE(said.starts_with("agent.toml:7:11: error: [notifier.sms] adapter: the script \"")) << said;
  EXPECT_NE(said.find("cannot be read: No such file"), std::string::npos) << said;
}

TEST_F(Trial, AnAdapterHasABound) {
  write("modem.lua", std::string(300'000, ' '));
  const auto said = says(load(phone_config + "adapter = 'modem.lua'\n"));
  EXPECT_NE(said.find("has more than 256 KiB"), std::string::npos) << said;
}

TEST_F(Trial, EveryValueOfATableOfSecretsIsOne) {
  write("modem.lua", "");
  write("key", "k3y\n");
  const Loaded loaded = load(phone_config + "adapter = 'modem.lua'\nsecrets = { key = 'file:key' }\n");
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(*config_of_sms(loaded)->find("secrets")->find("key")->string(), "k3y");
}

}  // namespace
}  // namespace tocsin::settings
