// A plugin written with the SDK that throws from every callback: statuses and texts come back, nothing passes through.
#include <gtest/gtest.h>

#include <future>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

class Throwing : public ::testing::Test {
 protected:
  base::Result<std::shared_ptr<Instance>> make(const std::string& type) {
    auto library = load_library(TEST_PLUGINS "/throws.so");
    if (!library) return base::fail(library.error());
    InstanceSettings settings;
    settings.name = "x." + type, settings.type = type;
    settings.config = base::Value(base::Value::Table{});
    return Instance::create(*library, settings, port_);
  }
  base::Time soon() { return port_.clock_.now() + std::chrono::seconds(9); }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }
  testing::FakePort port_;
};

TEST_F(Throwing, ComesBackAsWordsFromEveryCall) {
  auto made = make("throws");
  ASSERT_TRUE(made) << made.error().message();
  Instance& instance = **made;
  ASSERT_TRUE(instance.start(""));
  EXPECT_TRUE(has(instance.pull(soon()).error().message(), "poll threw"));
  EXPECT_TRUE(has(instance.reconfigure(base::Value(base::Value::Table{})).error().message(), "reconfigure threw"));
  std::promise<Instance::Sent> sent, ticket;
  model::Delivery delivery;
  instance.deliver(delivery, "", "", soon(), [&](Instance::Sent got) { sent.set_value(std::move(got)); });
  instance.upsert(delivery, "", soon(), [&](Instance::Sent got) { ticket.set_value(std::move(got)); });
  EXPECT_TRUE(has(sent.get_future().get().error, "deliver threw"));
  EXPECT_NE(ticket.get_future().get().status, TSN_OK);
  std::promise<Instance::Response> response;
  instance.handle({}, soon(), [&](Instance::Response got) { response.set_value(std::move(got)); });
  EXPECT_GE(response.get_future().get().status, 500u);
  tsn_inputs inputs{};
  inputs.size = sizeof inputs;
  EXPECT_TRUE(has(instance.compile(model::Rule{}, nullptr, inputs).error().message(), "compile threw"));
  instance.stop();
}
TEST_F(Throwing, KeepsAnInstanceFromBeingMade) {
  EXPECT_TRUE(has(make("throws_at_birth").error().message(), "the constructor threw"));
}
TEST_F(Throwing, KeepsAnInstanceFromStarting) {
  auto made = make("throws_at_start");
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_TRUE(has((*made)->start("").error().message(), "start threw"));
}

}  // namespace
}  // namespace tocsin::plugin_host
