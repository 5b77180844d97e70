// Requests come on any thread: each takes a free desk (series cache, batch, buffers) and gives it back, so that nothing
// is shared while a body is read.
#include <bit>
#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "snappy.hpp"
#include "tocsin/plugin.hpp"
#include "utf8/utf8.hpp"
#include "write_request.hpp"

namespace tocsin_plugins {
namespace remote_write {

/// What became of one body's samples.
struct Tally {
  std::uint64_t samples = 0, stale = 0, not_finite = 0, histograms = 0, refused = 0;
  std::string first;  ///< why the first one was refused

  void refuse(std::uint64_t count, std::string why) {
    if (refused == 0) first = std::move(why);
    refused += count;
  }
};

class Desk {
 public:
  explicit Desk(tsn::Context ctx) : ctx_(ctx), batch_(ctx, 4096) {}

  /// Fills the batch. A text: the body was refused, and nothing of it is to be taken.
  const char* read(std::string_view body, std::size_t most);
  tsn::Batch& batch() noexcept { return batch_; }
  Tally& tally() noexcept { return tally_; }
  void tell_of_refusals();

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view bytes) const noexcept { return std::hash<std::string_view>{}(bytes); }
  };
  static constexpr std::size_t most_cached = 200'000;  // entries; beyond it the cache starts anew

  bool find(std::string_view labels, tsn::Series& out);
  tsn::Status intern(std::string_view labels, tsn::Series& out);
  bool take_samples(const SeriesBytes& series);

  tsn::Context ctx_;
  tsn::Batch batch_;
  Tally tally_;
  std::string unpacked_, scratch_;
  std::unordered_map<std::string, tsn::Series, Hash, std::equal_to<>> known_;  ///< by the bytes of the labels
  std::vector<std::pair<std::string_view, std::string_view>> pairs_;
  std::vector<tsn::LabelView> views_;
  struct Refusal {
    std::string type, reason, name;
    std::uint32_t count = 0;
  } refusal_;
};

const char* Desk::read(std::string_view body, std::size_t most) {
  batch_.clear();
  tally_ = {};
  refusal_ = {};
  const char* why = nullptr;
  if (!unpack_snappy(body, most, unpacked_, why)) return why;
  WriteRequest request(unpacked_);
  for (SeriesBytes series;;) {
    const auto next = request.next(series, scratch_);
    if (next == WriteRequest::Next::end) return nullptr;
    if (next == WriteRequest::Next::error || !take_samples(series))
      return "the body is no prometheus.WriteRequest of remote_write 1.0";
  }
}

bool Desk::take_samples(const SeriesBytes& series) {
  tally_.histograms += series.histograms;
  std::uint64_t bits = 0;
  std::int64_t ms = 0;
  tsn::Series handle;
  bool known = false, tried = false;
  for (auto rest = series.rest;;) {
    const auto took = take_sample(rest, bits, ms);
    if (took != Take::sample) return took == Take::end;
    ++tally_.samples;
    if (!std::exchange(tried, true)) known = find(series.labels, handle);
    if (!known) {
      tally_.refuse(1, refusal_.reason);
      if (refusal_.count < UINT32_MAX) ++refusal_.count;
      continue;
    }
    if (ms < 0 || ms > INT64_MAX / 1'000'000) {
      tally_.refuse(1, "a timestamp lies outside of the years 1970 to 2262");
      continue;
    }
    const auto value = std::bit_cast<double>(bits);
    // The batch grows and is submitted as a whole: one body, one answer.
    if (batch_.full()) batch_.reserve(batch_.rows());
    if (bits == stale_marker) {
      batch_.push(ms * 1'000'000, handle, 0).flags(TSN_ROW_STALE);
      ++tally_.stale;
    } else if (std::isfinite(value)) {
      batch_.push(ms * 1'000'000, handle, value);
    } else {
      ++tally_.not_finite;
    }
  }
}

bool Desk::find(std::string_view labels, tsn::Series& out) {
  if (const auto at = known_.find(labels); at != known_.end()) return out = at->second, true;
  if (const auto status = intern(labels, out); !status) {
    if (refusal_.count > 0) return false;
    refusal_.type = status.value() == TSN_CARDINALITY ? "cardinality" : "labels";
    refusal_.reason = status.text();
    return false;
  }
  if (known_.size() >= most_cached) known_.clear();
  known_.emplace(labels, out);
  return true;
}

tsn::Status Desk::intern(std::string_view labels, tsn::Series& out) {
  if (!read_labels(labels, pairs_)) return tsn::invalid("a series has labels that cannot be read");
  std::string_view name;
  views_.clear();
  for (const auto& [label, value] : pairs_) {
    if (label == "__name__")
      name = value;
    else
      views_.emplace_back(label, value);
  }
  if (name.empty()) return tsn::invalid("a series has no __name__");
  std::string scratch;
  if (refusal_.count == 0) refusal_.name = utf8::clean(name.substr(0, 1024), scratch);
  return ctx_.try_series(name, views_, out);
}

void Desk::tell_of_refusals() {
  if (refusal_.count > 0) ctx_.reject({refusal_.type, refusal_.reason, refusal_.name, {}, {}, refusal_.count});
}

}  // namespace remote_write

class RemoteWrite {
 public:
  static constexpr auto id = "remote_write", version = "1.0.0",
                        doc = "Prometheus remote_write 1.0: a Prometheus server points at the agent";
  static constexpr tsn::Option options[] = {
      {.key = "max_size",
       .type = tsn::size,
       .fallback = "\"32MiB\"",
       .min = "\"1KiB\"",
       .max = "\"256MiB\"",
       .doc = "A body that unpacks to more is refused"},
  };
  static constexpr tsn::Route routes[] = {{.method = "POST",
                                           .path = "/api/v1/write",
                                           .doc = "Prometheus remote_write 1.0: snappy-packed protobuf; answers 204"}};
  static constexpr tsn::Signal signals[] = {
      {.name = "*", .labels = "*", .doc = "What the server sends, under its own name and labels"}};

  RemoteWrite() : most_(static_cast<std::size_t>(ctx_.config().size("max_size", 32 << 20))) {}

  void handle(const tsn::Request& request, tsn::Response& response) {
    if (const char* why = unacceptable(request)) return answer(response, 415, why);
    auto desk = take_desk();
    if (const char* why = desk->read(request.body(), most_)) {
      ctx_.reject({"protobuf", why, {}, {}, {}, 1});
      ctx_.count("bodies_refused");
      answer(response, 400, why);
    } else {
      submit(*desk, response);
    }
    give_back(std::move(desk));
  }

 private:
  static constexpr std::size_t most_idle_desks = 8;

  /// Why the headers say that it is nothing for us; null: they do not.
  static const char* unacceptable(const tsn::Request& request) {
    const auto encoding = request.header("content-encoding"), type = request.header("content-type");
    if (!encoding.empty() && encoding != "snappy") return "the body is packed otherwise than with snappy";
    if (type.find("io.prometheus.write.v2") != type.npos)
      return "this is remote_write 2.0; set protobuf_message: prometheus.WriteRequest in the server's remote_write";
    if (!type.empty() && !type.starts_with("application/x-protobuf")) return "expected application/x-protobuf";
    return nullptr;
  }

  std::unique_ptr<remote_write::Desk> take_desk() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<remote_write::Desk>(ctx_);
    auto desk = std::move(idle_.back());
    idle_.pop_back();
    return desk;
  }
  void give_back(std::unique_ptr<remote_write::Desk> desk) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle_desks) idle_.push_back(std::move(desk));
  }

  void submit(remote_write::Desk& desk, tsn::Response& response) {
    const auto done = desk.batch().submit();
    if (!done.status) {
      response.header("retry-after", "1");
      return answer(response, 503, done.status.value() == TSN_RETRY ? "the agent is busy" : done.status.text());
    }
    auto& tally = desk.tally();
    if (done.rejected > 0) tally.refuse(done.rejected, "a timestamp is more than a minute ahead of the agent's clock");
    report(desk);
    if (tally.refused == 0) {
      response.status(204);
      return;
    }
    // The server does not send them again, and the others are taken: its log and its own metrics say so.
    answer(response, 400,
           std::to_string(tally.refused) + " of " + std::to_string(tally.samples) +
               " samples were not taken: " + tally.first);
  }

  void report(remote_write::Desk& desk) {
    const auto& tally = desk.tally();
    const std::pair<const char*, std::uint64_t> all[] = {{"samples", tally.samples},
                                                         {"samples_not_finite", tally.not_finite},
                                                         {"samples_refused", tally.refused},
                                                         {"histograms_ignored", tally.histograms},
                                                         {"series_ended", tally.stale}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
    desk.tell_of_refusals();
  }

  static void answer(tsn::Response& response, std::uint32_t status, std::string_view text) {
    response.status(status).header("content-type", "text/plain; charset=utf-8").body(text).body("\n");
  }

  tsn::Context ctx_;
  const std::size_t most_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<remote_write::Desk>> idle_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::RemoteWrite;
TOCSIN_PLUGIN(RemoteWrite)
