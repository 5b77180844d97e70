// Plugin instances seen as what other rooms ask for: a detector as detection's Evaluator, a notifier or tracker as the
// outbox' Channel.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "app/action_links.hpp"
#include "delivery/outbox.hpp"
#include "detection/evaluator.hpp"
#include "plugin_host/session.hpp"

namespace tocsin::app {

class DetectorAdapter final : public detection::Evaluator {
 public:
  /// `script_of` finds what the instance's load() made for a rule of a script file.
  DetectorAdapter(std::shared_ptr<plugin_host::Instance> instance, std::function<void*(const model::Rule&)> script_of)
      : instance_(std::move(instance)), script_of_(std::move(script_of)) {}
  base::Result<void*> compile(const model::Rule& rule, const tsn_inputs& inputs) override {
    return instance_->compile(rule, rule.script_file.empty() ? nullptr : script_of_(rule), inputs);
  }
  void release(void* program) override { instance_->release(program); }
  base::Result<void> evaluate(void* program, const tsn_rows& rows, tsn_verdicts& verdicts) override {
    return instance_->evaluate(program, rows, verdicts);
  }

 private:
  std::shared_ptr<plugin_host::Instance> instance_;
  std::function<void*(const model::Rule&)> script_of_;
};

/// Made by std::make_shared: every delivery under way keeps it. `gone` runs when the outbox has let go of it and its
/// last delivery has ended: an exchanged instance is stopped then.
class ChannelAdapter final : public delivery::Channel, public std::enable_shared_from_this<ChannelAdapter> {
 public:
  struct Settings {
    std::string external_url, fallback;
    base::Duration timeout{};  ///< zero: the outbox' own
    std::vector<model::Limit> limits;
    ActionLinks* links = nullptr;  ///< null: messages have none
  };
  ChannelAdapter(std::shared_ptr<plugin_host::Instance> instance, Settings settings, std::function<void()> gone)
      : instance_(std::move(instance)), settings_(std::move(settings)), gone_(std::move(gone)) {}
  ~ChannelAdapter() override {
    if (gone_) gone_();
  }
  void send(const model::Delivery& delivery, const std::string& provider_id, base::Time deadline,
            std::function<void(delivery::Outcome)> done) override;
  std::string type() const override { return instance_->type().id; }
  std::string fallback() const override { return settings_.fallback; }
  base::Duration timeout() const override { return settings_.timeout; }
  std::vector<model::Limit> limits() const override { return settings_.limits; }
  std::size_t at_once() const override;

 private:
  std::shared_ptr<plugin_host::Instance> instance_;
  Settings settings_;
  std::function<void()> gone_;
};

/// What a status of the ABI means for the outbox.
delivery::Outcome outcome_of(const plugin_host::Instance::Sent& sent);

}  // namespace tocsin::app
