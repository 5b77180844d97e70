#include "api/request_reader.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace tocsin::api {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

/// A chunk's head line or the trailers may not be longer than this; Beast waits for their end without a limit.
constexpr std::size_t most_between_chunks = 8 * 1024;
constexpr std::size_t most_fields = 100;

struct Span {
  std::uint32_t at = 0, size = 0;
  std::string_view in(const char* data) const { return {data + at, size}; }
};

struct Field {
  Span name, value;
};

Problem problem_of(const error_code& ec, const ReadLimits& limits) {
  if (ec == http::error::header_limit) {
    return {431, "the header is larger than " + std::to_string(limits.header) + " bytes"};
  }
  if (ec == http::error::body_limit) return {413, "the body is larger than " + std::to_string(limits.body) + " bytes"};
  if (ec == http::error::bad_version) return {400, "malformed HTTP: the request line must end in HTTP/1.1 or HTTP/1.0"};
  return {400, "malformed HTTP: " + ec.message()};
}

using State = RequestReader::State;

class Grammar final : public http::basic_parser<true> {
 public:
  Grammar(const ReadLimits& limits, std::vector<Field>& fields) : limits_(limits), fields_(fields) {
    header_limit(limits.header);
    body_limit(limits.body);
  }

  State feed(char* data, std::size_t size) {
    data_ = data;
    while (!is_done()) {
      if (parsed_ == size || (between_chunks() && size - parsed_ < 5)) return State::more;
      error_code ec;
      parsed_ += put({data + parsed_, size - parsed_}, ec);
      if (head_size_ == 0 && is_header_done()) head_size_ = parsed_;
      if (ec == http::error::need_more) return too_long(size) ? State::failed : State::more;
      if (ec) {
        if (!problem_) problem_ = problem_of(ec, limits_);
        return State::failed;
      }
    }
    return State::complete;
  }

  std::size_t parsed() const { return parsed_; }
  std::uint64_t expected() const {
    auto length = content_length();
    return length ? head_size_ + *length : 0;
  }
  bool take_continue() { return std::exchange(expects_, false) && !is_done(); }
  bool http11() const { return http11_; }
  const Problem& problem() const { return *problem_; }
  void view(const char* data, Request& request) const;

 private:
  /// A last chunk is five bytes at least, and Beast counts on having them when it is asked a second time.
  bool between_chunks() const { return is_header_done() && chunked(); }

  bool too_long(std::size_t size) {
    if (!is_header_done() && size > limits_.header) {
      problem_ = problem_of(http::error::header_limit, limits_);
    } else if (between_chunks() && size - parsed_ > most_between_chunks) {
      problem_ = Problem(
          400, "a chunk's head or the trailers are larger than " + std::to_string(most_between_chunks) + " bytes");
    }
    return problem_.has_value();
  }

  void refuse(Problem problem, error_code& ec) {
    problem_ = std::move(problem);
    ec = http::error::bad_field;
  }

  /// The part as a place in the buffer. Refused where it lies elsewhere (Beast joins folded lines in memory of its own)
  /// or beyond the limit (Beast counts the limit anew for each piece that arrives).
  Span span(string_view part, error_code& ec) {
    if (part.empty() || ec) return {};
    std::uintptr_t at = reinterpret_cast<std::uintptr_t>(part.data()) - reinterpret_cast<std::uintptr_t>(data_);
    if (at > limits_.header + std::uintptr_t{64 * 1024}) {
      refuse({400, "a header is folded over several lines, which HTTP no longer allows"}, ec);
    } else if (at + part.size() > limits_.header) {
      refuse(problem_of(http::error::header_limit, limits_), ec);
    }
    return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(part.size())};
  }

  void check_field(http::field name, string_view value, error_code& ec) {
    std::string_view text(value.data(), value.size());
    if (name == http::field::host && ++hosts_ > 1) refuse({400, "the Host header is there twice"}, ec);
    if (name == http::field::transfer_encoding && (!http11_ || !base::equal_without_case(text, "chunked"))) {
      refuse(
          {http11_ ? 501u : 400u, "Transfer-Encoding \"" + std::string(text) + "\" is not understood; valid: chunked"},
          ec);
    }
    if (name == http::field::expect) {
      expects_ = base::equal_without_case(text, "100-continue");
      if (!expects_) refuse({417, "the only expectation met here is 100-continue"}, ec);
    }
  }

  // --- what the grammar found -------------------------------------------------------------------------------------
  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code& ec) override {
    method_ = span(method, ec);
    target_ = span(target, ec);
    http11_ = version >= 11;
  }
  void on_response_impl(int, string_view, int, error_code& ec) override { ec = http::error::bad_method; }
  void on_field_impl(http::field name, string_view key, string_view value, error_code& ec) override {
    if (head_size_ != 0) return;  // a trailer: nothing here asks for one
    Field field{span(key, ec), span(value, ec)};
    if (fields_.size() == most_fields) refuse({431, "more than 100 header fields"}, ec);
    if (ec) return;
    for (char& c : std::span(data_ + field.name.at, field.name.size)) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    fields_.push_back(field);
    check_field(name, value, ec);
  }
  void on_header_impl(error_code& ec) override {
    if (http11_ && hosts_ == 0) refuse({400, "the Host header is missing"}, ec);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override {
    if (body_size_ == 0) body_at_ = head_size_;
    body_size_ += body.size();
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    if (body_size_ == 0) body_at_ = static_cast<std::size_t>(body.data() - data_);
    char* end = data_ + body_at_ + body_size_;
    if (end != body.data()) std::memmove(end, body.data(), body.size());
    body_size_ += body.size();
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  const ReadLimits& limits_;
  std::vector<Field>& fields_;
  char* data_ = nullptr;
  std::size_t parsed_ = 0;     ///< bytes the grammar is done with
  std::size_t head_size_ = 0;  ///< 0: the header is not done
  std::size_t body_at_ = 0, body_size_ = 0;
  Span method_, target_;
  unsigned hosts_ = 0;
  bool http11_ = false, expects_ = false;
  std::optional<Problem> problem_;
};

void Grammar::view(const char* data, Request& request) const {
  request.method = method_.in(data);
  std::string_view target = target_.in(data);
  // Absolute form (RFC 9112, 3.2.2): what a client sends to a proxy; the path is what counts here.
  if (std::size_t scheme = target.find("://"); scheme != target.npos && !target.starts_with('/')) {
    std::size_t slash = target.find('/', scheme + 3);
    target = slash == target.npos ? std::string_view("/") : target.substr(slash);
  }
  target = target.substr(0, target.find('#'));
  std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  request.query = target.substr(std::min(mark + 1, target.size()));
  request.headers.clear();
  for (const Field& field : fields_) request.headers.emplace_back(field.name.in(data), field.value.in(data));
  request.body = {data + body_at_, body_size_};
}

}  // namespace

class RequestReader::Impl {
 public:
  explicit Impl(ReadLimits limits) : limits_(limits) { reset(); }
  void reset() {
    fields_.clear();
    grammar.emplace(limits_, fields_);
  }
  std::optional<Grammar> grammar;

 private:
  const ReadLimits limits_;
  std::vector<Field> fields_;  ///< keeps its memory from request to request
};

RequestReader::RequestReader(ReadLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::feed(char* data, std::size_t size) {
  return impl_->grammar->feed(data, size);
}
void RequestReader::reset() {
  impl_->reset();
}
bool RequestReader::header_done() const {
  return impl_->grammar->is_header_done();
}
std::uint64_t RequestReader::expected() const {
  return impl_->grammar->expected();
}
bool RequestReader::take_continue() {
  return impl_->grammar->take_continue();
}
std::size_t RequestReader::consumed() const {
  return impl_->grammar->parsed();
}
bool RequestReader::http11() const {
  return impl_->grammar->http11();
}
bool RequestReader::keep_alive() const {
  return impl_->grammar->keep_alive();
}
const Problem& RequestReader::problem() const {
  return impl_->grammar->problem();
}
void RequestReader::view(const char* data, Request& request) const {
  impl_->grammar->view(data, request);
}

}  // namespace tocsin::api
