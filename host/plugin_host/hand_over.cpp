#include "plugin_host/hand_over.hpp"

namespace tocsin::plugin_host {

using Serving = HandedOver::Serving;

base::Result<void> pass_state(Instance& old, Instance& successor, std::string& remark) {
  const auto state = old.save();
  if (!state) {
    remark = "without its predecessor's state: " + state.error().message();
    return {};
  }
  auto loaded = successor.load(*state);
  if (loaded || loaded.error().fault() != base::Fault::unsupported) return loaded;
  remark = "without its predecessor's state: " + loaded.error().message();
  return {};
}

namespace {

/// Load and start; the remark, or why not.
base::Result<std::string> begin(Instance& old, Instance& successor, const std::function<std::string()>& cursor) {
  std::string remark;
  TRY_VOID(pass_state(old, successor, remark));
  TRY_VOID(successor.start(cursor()));
  return remark;
}

}  // namespace

HandedOver hand_over(Instance& old, Instance& successor, const std::function<std::string()>& cursor) {
  old.stop();
  auto begun = begin(old, successor, cursor);
  if (begun) return {Serving::successor, std::move(*begun)};
  successor.stop();
  std::string why = begun.error().message();
  if (auto again = old.start(cursor()); !again) {
    return {Serving::none, why + "; and the one before cannot be started again: " + again.error().message()};
  }
  return {Serving::old, std::move(why)};
}

HandedOver start_beside(Instance& old, Instance& successor, const std::function<std::string()>& cursor) {
  auto begun = begin(old, successor, cursor);
  if (begun) return {Serving::successor, std::move(*begun)};
  successor.stop();
  return {Serving::old, begun.error().message()};
}

}  // namespace tocsin::plugin_host
