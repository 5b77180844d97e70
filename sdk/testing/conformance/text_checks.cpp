#include <string_view>

#include "apart.hpp"
#include "checks.hpp"
#include "tocsin/testing/hostile.hpp"
#include "trial.hpp"

namespace tsn::conformance {
namespace {

/// RFC 3629, as far as a text that is shown has to keep to it: each first byte has the bytes that it announces.
bool whole_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (size == 0 || i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    i += size;
  }
  return true;
}

/// Texts of incidents come from logs and labels: whoever writes those must not bring a notifier or a tracker down.
std::string survives_hostile_texts(const Subject& subject, Findings& found) {
  std::string remark = "skipped: neither a notifier nor a tracker";
  for_each_type(subject, found, [&](Trial& trial) {
    if (!trial.type.notifier && !trial.type.tracker) return;
    remark.clear();
    auto instance = trial.create();
    if (!instance) return;
    instance->start();
    for (const auto& hostile : testing::hostile_messages()) {
      if (!hostile.utf8) continue;  // a host hands out UTF-8
      const auto answer = trial.type.notifier
                              ? instance->deliver(hostile.message, std::chrono::seconds(1))
                              : instance->upsert(testing::hostile_upsert(hostile), std::chrono::seconds(1));
      found.expect(whole_utf8(answer.text), "odd_answer", last_call(),
                   "its error about " + hostile.name + " is no UTF-8");
      if (!trial.host.breaches().empty()) break;  // one is enough, and each may have waited
    }
    instance->stop();
  });
  return remark;
}

}  // namespace

std::vector<Check> text_checks() {
  return {{"survives hostile texts", survives_hostile_texts}};
}

}  // namespace tsn::conformance
