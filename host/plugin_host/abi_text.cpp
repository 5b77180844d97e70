#include "plugin_host/abi_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/text.hpp"

namespace tocsin::plugin_host {

using base::Fault;

namespace {

/// Cut at `most` bytes, not inside a character.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace

std::string text_of(const tsn_err& err) {
  std::string out(cut({err.msg, sizeof err.msg}, std::min<std::size_t>(err.n, sizeof err.msg)));
  bool broken = !base::valid_utf8(out);
  for (char& c : out) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (broken && byte >= 0x80)) c = byte == '\n' || byte == '\t' ? ' ' : '?';
  }
  return out;
}

tsn_status refuse(tsn_err* err, tsn_status status, std::string_view message, std::uint32_t retry_after_ms) {
  constexpr std::size_t head = offsetof(tsn_err, msg);
  if (err == nullptr || err->size < head) return status;
  std::size_t room = std::min<std::size_t>(err->size - head, sizeof err->msg);
  std::string_view text = cut(message, room);
  err->code = 0;
  err->retry_after_ms = retry_after_ms;
  err->n = static_cast<std::uint32_t>(text.size());
  std::memcpy(err->msg, text.data(), text.size());
  return status;
}

std::string status_name(tsn_status status) {
  switch (status) {
    case TSN_OK:
      return "TSN_OK";
    case TSN_RETRY:
      return "TSN_RETRY";
    case TSN_PENDING:
      return "TSN_PENDING";
    case TSN_NEEDS_RESTART:
      return "TSN_NEEDS_RESTART";
    case TSN_END:
      return "TSN_END";
    case TSN_FAILED:
      return "TSN_FAILED";
    case TSN_INVALID:
      return "TSN_INVALID";
    case TSN_CARDINALITY:
      return "TSN_CARDINALITY";
    case TSN_UNSUPPORTED:
      return "TSN_UNSUPPORTED";
    case TSN_CANCELLED:
      return "TSN_CANCELLED";
    case TSN_DENIED:
      return "TSN_DENIED";
    case TSN_DEADLINE:
      return "TSN_DEADLINE";
    case TSN_UNKNOWN:
      return "TSN_UNKNOWN";
    default:
      return "status " + std::to_string(status);
  }
}

namespace {

Fault fault_of(tsn_status status) {
  switch (status) {
    case TSN_RETRY:
    case TSN_FAILED:
      return Fault::unavailable;
    case TSN_INVALID:
      return Fault::invalid;
    case TSN_CARDINALITY:
      return Fault::exhausted;
    case TSN_UNSUPPORTED:
      return Fault::unsupported;
    case TSN_CANCELLED:
      return Fault::cancelled;
    case TSN_DENIED:
      return Fault::denied;
    case TSN_DEADLINE:
    case TSN_UNKNOWN:
      return Fault::deadline;
    default:
      return Fault::internal;
  }
}

}  // namespace

base::Error error_of(tsn_status status, const std::string& text, std::string_view instance, std::string_view call) {
  std::string message = std::string(instance) + ": " + std::string(call) + ": ";
  if (fault_of(status) == Fault::internal) {
    message +=
        "answered with " + status_name(status) + ", which this call does not have; report it to the plugin's author";
    if (!text.empty()) message += " (" + text + ")";
  } else if (text.empty()) {
    message += "failed with " + status_name(status) + " and no text; the plugin's log lines may say more";
  } else {
    message += text;
  }
  return base::Error(fault_of(status), std::move(message));
}

tsn_status status_of(Fault fault) {
  switch (fault) {
    case Fault::exhausted:
    case Fault::unavailable:
      return TSN_RETRY;
    case Fault::cancelled:
      return TSN_CANCELLED;
    case Fault::invalid:
      return TSN_INVALID;
    case Fault::denied:
      return TSN_DENIED;
    case Fault::deadline:
      return TSN_DEADLINE;
    case Fault::unsupported:
      return TSN_UNSUPPORTED;
    default:
      return TSN_FAILED;
  }
}

}  // namespace tocsin::plugin_host
