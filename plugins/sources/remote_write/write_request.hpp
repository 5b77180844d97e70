// prometheus.WriteRequest of remote_write 1.0, read from protobuf's wire format as it comes, without a tree of objects.
//
// Format: prometheus/prompb/remote.proto and types.proto. Metadata, exemplars and native histograms are passed over;
// histograms are counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin_plugins::remote_write {

/// NaN with these bits is the marker "this series ended here" (prometheus/model/value, StaleNaN).
constexpr std::uint64_t stale_marker = 0x7ff0000000000002;

struct SeriesBytes {
  std::string_view labels;  ///< the encoded labels: the same bytes are the same series
  std::string_view rest;    ///< the series, for take_sample()
  std::uint32_t histograms = 0;
};

class WriteRequest {
 public:
  explicit WriteRequest(std::string_view bytes) : rest_(bytes) {}
  enum class Next { series, end, error };
  /// `scratch` holds labels that do not lie in one piece.
  Next next(SeriesBytes& out, std::string& scratch);

 private:
  std::string_view rest_;
};

enum class Take { sample, end, error };
/// The next sample off `series`; `value` as its bits, `ms` since 1970.
Take take_sample(std::string_view& series, std::uint64_t& value, std::int64_t& ms);

/// False: these are no labels.
bool read_labels(std::string_view bytes, std::vector<std::pair<std::string_view, std::string_view>>& out);

}  // namespace tocsin_plugins::remote_write
