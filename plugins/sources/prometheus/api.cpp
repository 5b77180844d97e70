#include "api.hpp"

#include <algorithm>
#include <cstdio>

#include "message_text/mask.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins::prometheus {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_idle = 8, longest_extract = 160, shortest_secret = 4;
/// An address with its query that any server takes; longer ones go by POST only.
constexpr std::size_t longest_get = 4000;

void append_form(std::string& out, std::string_view key, std::string_view value) {
  constexpr auto plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr auto digits = "0123456789ABCDEF";
  if (!out.empty()) out += '&';
  out.append(key) += '=';
  for (const char c : value) {
    if (std::string_view(plain).find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
}

/// Seconds with their milliseconds.
std::string seconds_text(tsn::Time at) {
  char text[40];
  const auto ms = at / 1'000'000;
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(ms / 1000), static_cast<long long>(ms % 1000));
  return text;
}

/// What a page says, on one line; nothing of HTML.
std::string extract(const HttpAnswer& answer) {
  const auto begin = answer.body.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  if (answer.body[begin] == '<') return ": an HTML page, so not from the API: is a proxy or a login before it?";
  std::string scratch;
  const auto piece = std::string_view(answer.body).substr(begin, longest_extract);
  std::string text(utf8::clean(piece, scratch));
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return ": " + text;
}

bool is_html(const HttpAnswer& answer) {
  const auto begin = answer.body.find_first_not_of(" \t\r\n");
  return begin != std::string::npos && answer.body[begin] == '<';
}

/// `invalid parameter "query": 1:5: parse error: unexpected …` with the place in words.
std::string with_place(std::string_view error) {
  constexpr std::string_view mark = ": parse error: ";
  const auto at = error.find(mark);
  if (at == error.npos) return std::string(error);
  const auto before = error.substr(0, at);
  const auto numbers = before.find_last_not_of("0123456789:");
  const auto place = before.substr(numbers == before.npos ? 0 : numbers + 1);
  const auto colon = place.find(':');
  if (colon == 0 || colon == place.npos || colon + 1 == place.size() || place.find(':', colon + 1) != place.npos)
    return std::string(error);
  return "expr, line " + std::string(place.substr(0, colon)) + ", column " + std::string(place.substr(colon + 1)) +
         ": " + std::string(error.substr(at + mark.size()));
}

/// Remarks of the query engine on the expression; other warnings tell that a store gave nothing.
bool is_remark(std::string_view warning) {
  return warning.starts_with("PromQL warning") || warning.starts_with("PromQL info");
}

}  // namespace

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::unreachable:
      return "unreachable";
    case Fault::no_answer:
      return "no_answer";
    case Fault::denied:
      return "denied";
    case Fault::question:
      return "question";
    case Fault::server:
      return "server";
    case Fault::busy:
      return "busy";
    case Fault::unreadable:
      return "unreadable";
    case Fault::too_large:
      return "too_large";
    case Fault::partial:
      return "partial";
    default:
      return "none";
  }
}

Reply Api::ask(const std::string& expr, tsn::Time at, tsn::Deadline deadline) {
  std::string form;
  append_form(form, "query", expr);
  append_form(form, "time", seconds_text(at));
  return exchange("/api/v1/query", std::move(form), deadline);
}

Reply Api::ask_range(const std::string& expr, tsn::Time first, tsn::Time last, std::chrono::nanoseconds step,
                     tsn::Deadline deadline) {
  std::string form;
  append_form(form, "query", expr);
  append_form(form, "start", seconds_text(first));
  append_form(form, "end", seconds_text(last));
  append_form(form, "step", seconds_text(step.count()));
  return exchange("/api/v1/query_range", std::move(form), deadline);
}

Reply Api::version(std::string& out, tsn::Deadline deadline) {
  HttpAnswer answer;
  if (const auto status = perform("/api/v1/status/buildinfo", {}, deadline, answer); !status)
    return unreached(status, answer);
  note_reached();
  if (answer.status == 401 || answer.status == 403) return judge(std::move(answer));
  if (answer.status == 200) out = read_version(std::move(answer.body));
  return {};
}

/// The server is told to give up a little before nobody listens any more, so that it says why.
Reply Api::exchange(std::string_view path, std::string form, tsn::Deadline deadline) {
  const auto begin = std::chrono::steady_clock::now();
  Reply reply;
  if (is_left_alone(reply)) return reply;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining());
  append_form(form, "timeout", std::to_string(std::max<std::int64_t>(1, left.count() - left.count() / 10)) + "ms");
  HttpAnswer answer;
  const auto status = perform(path, form, deadline, answer);
  if (status) {
    note_reached();
    reply = judge(std::move(answer));
  } else {
    reply = unreached(status, answer);
  }
  reply.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return reply;
}

/// An empty form is a GET. Servers that take no POST here say 405 or 501; they are asked by GET from then on.
tsn::Status Api::perform(std::string_view path, const std::string& form, tsn::Deadline deadline, HttpAnswer& answer) {
  HttpRequest request;
  request.url = settings_.url + std::string(path);
  request.headers = settings_.headers;
  request.headers.emplace_back("Accept: application/json");
  if (!settings_.bearer.empty()) request.headers.push_back("Authorization: Bearer " + settings_.bearer);
  request.username = settings_.username;
  request.password = settings_.password;
  request.compressed = true;
  request.most_body = settings_.most_bytes;
  auto get = request;
  get.method = "GET";
  if (!form.empty()) get.url += "?" + form;
  request.body = form;
  request.headers.emplace_back("Content-Type: application/x-www-form-urlencoded");
  bool by_get = form.empty();
  if (!by_get && get.url.size() <= longest_get) {
    const std::lock_guard lock(mutex_);
    by_get = by_get_;
  }
  auto client = take();
  auto status = client->perform(by_get ? get : request, deadline, answer);
  if (status && !by_get && (answer.status == 405 || answer.status == 501) && get.url.size() <= longest_get) {
    status = client->perform(get, deadline, answer);
    const std::lock_guard lock(mutex_);
    by_get_ = by_get_ || (status && answer.status == 200);
  }
  give_back(std::move(client));
  return status;
}

Reply Api::failure(Fault fault, tsn_status status, const std::string& text, const HttpAnswer* answer) const {
  std::string whole = host_of(settings_.url) + ": " + text;
  for (const auto& secret : settings_.secrets)
    if (secret.size() >= shortest_secret) mask_secret(whole, secret);
  Reply out;
  out.fault = fault;
  const auto wait = answer ? answer->retry_after(ctx_.now()) : 0ms;
  const bool later = status == TSN_FAILED && wait > 0ms;
  if (later || (answer && answer->status == 429)) out.fault = Fault::busy;
  out.status =
      tsn::Status(later ? static_cast<tsn_status>(TSN_RETRY) : status, std::move(whole),
                  answer ? static_cast<int>(answer->status) : 0, later ? static_cast<std::uint32_t>(wait.count()) : 0);
  return out;
}

Reply Api::unreached(const tsn::Status& status, const HttpAnswer& answer) {
  if (answer.too_long)
    return failure(Fault::too_large, TSN_INVALID,
                   "the answer is longer than max_size = " + std::to_string(settings_.most_bytes) +
                       " bytes; ask for less, for instance with a sum, or raise it");
  std::string text = status.text();
  const std::string host = host_of(settings_.url) + ": ";
  if (text.starts_with(host)) text.erase(0, host.size());
  if (status.value() != TSN_FAILED) return failure(Fault::no_answer, TSN_FAILED, text);
  Reply reply = failure(Fault::unreachable, TSN_FAILED, text);
  const std::lock_guard lock(mutex_);
  not_before_ = ctx_.now() + std::chrono::nanoseconds(std::min<std::chrono::seconds>(
                                                          15s, std::chrono::seconds(1 << std::min(failures_++, 4))))
                                 .count();
  last_failure_ = reply.status.text();
  return reply;
}

bool Api::is_left_alone(Reply& reply) {
  const std::lock_guard lock(mutex_);
  if (failures_ == 0 || ctx_.now() >= not_before_) return false;
  reply.fault = Fault::unreachable;
  reply.status = tsn::fail(last_failure_);
  return true;
}

void Api::note_reached() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
}

Reply Api::judge(HttpAnswer answer) const {
  if (answer.status < 200 || answer.status >= 300) return judge_error(answer);
  if (is_html(answer)) return failure(Fault::unreadable, TSN_FAILED, "its answer cannot be read" + extract(answer));
  Answer read;
  bool too_many = false;
  const auto why = read_answer(std::move(answer.body), settings_.most_samples, read, too_many);
  answer.body.clear();
  if (too_many)
    return failure(Fault::too_large, TSN_INVALID,
                   "the answer has more than max_samples = " + std::to_string(settings_.most_samples) +
                       " samples; ask for less, for instance with a sum, or raise it");
  if (!why.empty()) return failure(Fault::unreadable, TSN_FAILED, "its answer cannot be read: " + why);
  if (read.failed) {
    const bool question = read.error_type == "bad_data" || read.error_type == "execution";
    return failure(question ? Fault::question : Fault::server, question ? TSN_INVALID : TSN_FAILED,
                   read.error_type + ": " + with_place(read.error));
  }
  return judge_data(std::move(read));
}

Reply Api::judge_data(Answer answer) const {
  const auto lacking = std::ranges::find_if_not(answer.warnings, is_remark);
  if (lacking != answer.warnings.end() && !settings_.allow_partial)
    return failure(Fault::partial, TSN_FAILED,
                   "the answer may lack something; allow_partial = true would take it: " + *lacking);
  Reply out;
  out.answer = std::move(answer);
  return out;
}

Reply Api::judge_error(const HttpAnswer& answer) const {
  const auto code = answer.status;
  const std::string http = "HTTP " + std::to_string(code);
  Answer read;
  bool too_many = false;
  const bool told = read_answer(answer.body, settings_.most_samples, read, too_many).empty() && read.failed;
  const std::string text = told ? ", " + read.error_type + ": " + with_place(read.error) : extract(answer);
  if (code == 401 || code == 403)
    return failure(Fault::denied, TSN_DENIED, http + "; check bearer, username and password, or headers" + text);
  if (told && (code == 400 || code == 422 || read.error_type == "bad_data" || read.error_type == "execution"))
    return failure(Fault::question, TSN_INVALID, read.error_type + ": " + with_place(read.error), &answer);
  if ((code == 400 || code == 422) && !is_html(answer))
    return failure(Fault::question, TSN_INVALID, http + text, &answer);
  if (told && read.error_type == "timeout")
    return failure(Fault::server, TSN_FAILED,
                   http + ": it took longer than it may; make it cheaper, or raise timeout: " + read.error, &answer);
  if (code == 404)
    return failure(Fault::server, TSN_FAILED, http + "; url is what stands before /api/v1 of the API" + text);
  if (code >= 300 && code < 400)
    return failure(Fault::server, TSN_FAILED, http + ", and redirects are not followed; check url");
  return failure(Fault::server, TSN_FAILED, http + text, &answer);
}

std::unique_ptr<HttpClient> Api::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto out = std::move(idle_.back());
      idle_.pop_back();
      return out;
    }
  }
  return std::make_unique<HttpClient>(settings_.http);
}

void Api::give_back(std::unique_ptr<HttpClient> client) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle) idle_.push_back(std::move(client));
}

void Api::close() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

}  // namespace tocsin_plugins::prometheus
