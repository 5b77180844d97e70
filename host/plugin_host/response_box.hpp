// A response under construction: filled by the plugin through the ABI's functions until its call is completed.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "plugin_host/session.hpp"
#include "plugin_host/tokens.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// Any thread. Neither copied nor moved: the plugin holds its address.
class ResponseBox {
 public:
  ResponseBox();
  ResponseBox(const ResponseBox&) = delete;
  ResponseBox& operator=(const ResponseBox&) = delete;
  tsn_response* abi() { return &abi_; }
  /// What was filled, or a problem document (RFC 9457) where the call failed; later writes are ignored.
  Instance::Response close(const Answer& answer);

 private:
  static constexpr std::size_t most_body = 64u << 20, most_headers = 256;
  static void add_header(tsn_response* response, tsn_str name, tsn_str value);
  static void add_body(tsn_response* response, tsn_bytes bytes);

  std::mutex mutex_;
  bool closed_ = false;
  std::string defect_;  ///< why what was filled cannot be sent; empty: it can
  tsn_response abi_{};
  Instance::Response out_;
};

/// A response from another process: as it is, or a problem document where its status, a header or its size is none that
/// can be sent.
Instance::Response checked(Instance::Response response);
/// The problem document for a status of the ABI.
Instance::Response problem(tsn_status status, const std::string& detail, std::uint32_t retry_after_ms = 0);

}  // namespace tocsin::plugin_host
