// Bulk JSON push. Requests come on any thread: each takes a free desk (parser, series cache, batch) and gives it back,
// so that nothing is shared while a body is read.
#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bulk_push/bulk_parser.hpp"
#include "tocsin/plugin.hpp"
#include "unpack/unpack.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_idle_desks = 8;
constexpr std::uint32_t most_rows = 1u << 20;  // that a host takes as one batch
constexpr std::size_t padding = 64;            // readable bytes that the parser wants behind a body
constexpr std::size_t most_kept = 4u << 20;    // of each of a desk's memories, between two requests

void append_json(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string problem(int status, std::string_view title, std::string_view detail) {
  std::string out = "{\"type\":\"about:blank\",\"title\":";
  append_json(out, title);
  out += ",\"status\":" + std::to_string(status) + ",\"detail\":";
  append_json(out, detail);
  return out + ",\"instance\":\"/api/v1/signals/bulk\"}";
}

const char* reason_word(tsn_reject_reason reason) {
  switch (reason) {
    case TSN_REJECT_FUTURE:
      return "future";
    case TSN_REJECT_SERIES:
      return "series";
    case TSN_REJECT_VALUE:
      return "value";
    default:
      return "timestamp";
  }
}

const char* reason_text(tsn_reject_reason reason) {
  switch (reason) {
    case TSN_REJECT_FUTURE:
      return "more than a minute ahead of the agent's clock";
    case TSN_REJECT_SERIES:
      return "the agent no longer knows the series; send it again";
    case TSN_REJECT_VALUE:
      return "not a finite number, and no summary";
    default:
      return "outside of the years 1970 to 2262";
  }
}

struct Desk {
  explicit Desk(tsn::Context& ctx) : parser(ctx) { make_batch(ctx); }
  void make_batch(tsn::Context& ctx) { batch = std::make_unique<tsn::Batch>(ctx, 1024); }
  /// After a large body most of what it needed is given back; the series that are known stay.
  void shrink(tsn::Context& ctx) {
    if (unpacked.capacity() > most_kept) unpacked = {};
    if (item_of_row.capacity() * 24 > most_kept) make_batch(ctx), item_of_row = {};
    parser.shrink(most_kept);
  }
  BulkParser parser;
  std::unique_ptr<tsn::Batch> batch;
  std::vector<std::uint32_t> item_of_row;
  std::vector<Rejection> rejections;
  std::string unpacked;
};

/// Why a body is refused as a whole; without a text it is not.
struct Fault {
  int status = 400;
  const char* title = "Bad Request";
  std::string detail;
};

/// One signal on each line.
bool says_lines(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type == "application/x-ndjson" || content_type == "application/ndjson" ||
         content_type == "application/jsonl" || content_type == "application/x-jsonlines";
}

}  // namespace

class Http {
 public:
  static constexpr auto id = "http", version = "1.0.0",
                        doc = "Bulk JSON push of signals over the agent's HTTP listener";
  static constexpr tsn::Option options[] = {
      {.key = "max_size",
       .type = tsn::size,
       .fallback = "\"64MiB\"",
       .min = "\"1KiB\"",
       .max = "\"64MiB\"",
       .doc = "A body that is larger, or unpacks to more, is refused"},
  };
  static constexpr tsn::Route routes[] = {
      {.method = "POST",
       .path = "/api/v1/signals/bulk",
       .doc = "Takes signals in; answers 202 with what was accepted and why the rest was not"}};
  static constexpr tsn::Signal signals[] = {{.name = "*", .unit = "", .labels = "*", .doc = "Whatever is pushed"}};

  Http() : most_(static_cast<std::size_t>(ctx_.config().size("max_size", 64u << 20))) {}

  void handle(const tsn::Request& request, tsn::Response& response) {
    auto desk = take_desk();
    desk->item_of_row.clear();
    desk->rejections.clear();
    desk->batch->clear();
    const Fault fault = read(request, *desk);
    if (!fault.detail.empty()) {
      if (fault.status == 415) response.header("accept-encoding", codings_taken);
      answer_problem(response, fault.status, fault.title, fault.detail);
    } else {
      submit(*desk, response);
    }
    desk->shrink(ctx_);
    give_back(std::move(desk));
  }

 private:
  std::unique_ptr<Desk> take_desk() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Desk>(ctx_);
    auto desk = std::move(idle_.back());
    idle_.pop_back();
    return desk;
  }
  void give_back(std::unique_ptr<Desk> desk) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle_desks) idle_.push_back(std::move(desk));
  }

  Fault read(const tsn::Request& request, Desk& desk) {
    // The parser reads up to 64 bytes past the end; the host promises them.
    if (request.body_padding() < padding) throw tsn::Failure(tsn::fail("the host gave a body without padding"));
    std::string_view body = request.body();
    if (Fault fault = unpack(request, desk, body); !fault.detail.empty()) return fault;
    desk.batch->reserve(static_cast<std::uint32_t>(std::min<std::size_t>(body.size() / 48 + 1, 65'536)));
    const auto form = says_lines(request.header("content-type")) ? BulkParser::Form::lines : BulkParser::Form::push;
    auto refused = desk.parser.parse(body, ctx_.now(), *desk.batch, desk.item_of_row, desk.rejections, form);
    if (desk.batch->rows() > most_rows)
      return {
          413, "Content Too Large",
          "the body holds " + std::to_string(desk.batch->rows()) + " signals, 1048576 are possible; send it in parts"};
    return {400, "Bad Request", std::move(refused)};
  }

  Fault unpack(const tsn::Request& request, Desk& desk, std::string_view& body) const {
    const auto too_long = [&] {
      return Fault{413, "Content Too Large",
                   "the body is larger than max_size (" + std::to_string(most_) + " bytes); send it in parts"};
    };
    const auto coding = coding_of(request.header("content-encoding"));
    if (!coding)
      return {415, "Unsupported Media Type",
              "the content-encoding is not known; send " + std::string(codings_in_words) + ", or the body as it is"};
    if (coding == Coding::none) return body.size() > most_ ? too_long() : Fault{};
    const auto done = tocsin_plugins::unpack(*coding, body, most_, padding, desk.unpacked);
    if (done == Unpacked::too_long) return too_long();
    if (done == Unpacked::broken) return {400, "Bad Request", broken_text(*coding)};
    body = desk.unpacked;
    return {};
  }

  void submit(Desk& desk, tsn::Response& response) {
    const auto done = desk.batch->submit();
    if (done.status.value() == TSN_RETRY) {
      response.header("retry-after", "1");
      return answer_problem(response, 503, "Service Unavailable", "the agent is busy; send the same body again");
    }
    if (!done.status) return answer_problem(response, 503, "Service Unavailable", done.status.text());
    for (const auto& reject : done.rejects) {
      desk.rejections.push_back(
          {desk.item_of_row[reject.row], reason_word(reject.reason), reason_text(reject.reason), {}, {}, {}, true});
    }
    std::sort(desk.rejections.begin(), desk.rejections.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    std::string out = "{\"accepted\":" + std::to_string(done.accepted) + ",\"rejected\":[";
    for (std::size_t i = 0; i < desk.rejections.size(); ++i) append(out, desk.rejections[i], i == 0);
    out += "]";
    if (const auto more = unlisted(desk, done); more > 0) out += ",\"rejected_more\":" + std::to_string(more);
    out += "}";
    response.json(202, out);
  }

  /// How many items were refused beyond those that are listed.
  std::uint64_t unlisted(const Desk& desk, const tsn::Submitted& done) {
    std::uint64_t more = done.rejected - done.rejects.size();
    for (const auto& [type, count] : desk.parser.unlisted()) {
      ctx_.reject({type, "one body holds more such items than are listed one by one", {}, {}, {}, count});
      more += count;
    }
    return more;
  }

  void append(std::string& out, const Rejection& item, bool first) {
    if (!item.by_host) ctx_.reject({item.error_type, item.reason, item.name, item.loader, item.raw, 1});
    if (!first) out += ',';
    out += "{\"index\":" + std::to_string(item.index) + ",\"error_type\":";
    append_json(out, item.error_type);
    out += ",\"reason\":";
    append_json(out, item.reason);
    out += '}';
  }

  static void answer_problem(tsn::Response& response, int status, std::string_view title, std::string_view detail) {
    response.status(static_cast<std::uint32_t>(status))
        .header("content-type", "application/problem+json")
        .body(problem(status, title, detail));
  }

  tsn::Context ctx_;
  const std::size_t most_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Desk>> idle_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Http;
TOCSIN_PLUGIN(Http)
