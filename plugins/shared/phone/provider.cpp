#include "phone/provider.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace tocsin_plugins {
namespace {

const std::vector<std::string_view> message_fields = {"recipient", "text",    "key",   "title",
                                                      "severity",  "service", "number"};
const std::vector<std::string_view> status_fields = {"id"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

std::string pattern_at(const tsn::Config& table, std::string_view key, const std::vector<std::string_view>& known) {
  const std::string pattern(table.str(key));
  if (const auto odd = unknown_field(pattern, known); !odd.empty()) {
    std::string names;
    for (const auto name : known) names += (names.empty() ? "{{" : ", {{") + std::string(name) + "}}";
    table[key].wrong(names + ", not " + odd);
  }
  return pattern;
}

std::string pointer_at(const tsn::Config& table, std::string_view key) {
  const std::string pointer(table.str(key));
  try {
    (void)nlohmann::json::json_pointer(pointer);
  } catch (const nlohmann::json::exception&) {
    table[key].wrong("a JSON Pointer, such as \"/messageId\"");
  }
  return pointer;
}

std::string needed_pointer(const tsn::Config& table, std::string_view key) {
  auto pointer = pointer_at(table, key);
  if (pointer.empty()) table[key].wrong("a JSON Pointer, such as \"/" + std::string(key) + "\"");
  return pointer;
}

void read_headers(const tsn::Config& table, const std::vector<std::string_view>& known, RequestPattern& out) {
  const auto headers = table.table("headers");
  for (std::uint32_t i = 0; i < headers.count(); ++i) {
    const std::string name(headers.key(i));
    if (name.empty() || name.find_first_of(": \r\n\t") != name.npos) headers.at(i).wrong("a header's name as its key");
    out.headers.emplace_back(name, pattern_at(headers, name, known));
  }
}

std::string header_of(const RequestPattern& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (lower(key) == name) return value;
  return {};
}

/// By the Content-Type, which is added where it is not given: JSON by its first character, else a form.
void settle_body(const tsn::Config& table, RequestPattern& out) {
  if (out.body.empty()) return;
  auto type = lower(header_of(out, "content-type"));
  if (type.empty()) {
    const auto first = out.body.find_first_not_of(" \t\r\n");
    const bool json = first != out.body.npos && (out.body[first] == '{' || out.body[first] == '[') &&
                      !std::string_view(out.body).substr(first).starts_with("{{");
    type = json ? "application/json" : "application/x-www-form-urlencoded";
    out.headers.emplace_back("Content-Type", type);
  }
  const auto has = [&](const char* part) { return type.find(part) != type.npos; };
  out.body_place = has("json")              ? Place::json
                   : has("form-urlencoded") ? Place::url
                   : has("xml")             ? Place::xml
                                            : Place::plain;
  if (out.body_place != Place::json) return;
  Fields sample;
  for (const auto name : message_fields) sample.push_back({name, name == "number" ? "1042" : "a\"b"});
  if (!nlohmann::json::accept(fill(out.body, sample, Place::json)))
    table["body"].wrong("valid JSON once it is filled; texts stand inside quotes: \"{{text}}\"");
}

RequestPattern request_at(const tsn::Config& table, const char* method, const std::vector<std::string_view>& known) {
  RequestPattern out;
  out.method = table.str("method", method);
  const auto letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (out.method.empty() || !std::all_of(out.method.begin(), out.method.end(), letter))
    table["method"].wrong("a method in capitals, such as \"POST\"");
  out.url = pattern_at(table, "url", known);
  if (!out.url.starts_with("http://") && !out.url.starts_with("https://")) table["url"].wrong("https://… or http://…");
  out.body = pattern_at(table, "body", known);
  read_headers(table, known, out);
  settle_body(table, out);
  return out;
}

std::vector<long> codes_at(const tsn::Config& table, std::string_view key) {
  std::vector<long> out;
  for (const auto& entry : table.array(key)) {
    const auto code = entry.as_integer();
    if (code < 100 || code > 599) entry.wrong("an HTTP status, 100 to 599");
    out.push_back(static_cast<long>(code));
  }
  return out;
}

void read_words(const tsn::Config& table, bool calls, Words& words) {
  if (table.has("delivered")) words.delivered = table.strings("delivered");
  if (table.has("failed")) words.failed = table.strings("failed");
  if (calls && table.has("no_answer")) words.no_answer = table.strings("no_answer");
}

SendTable send_at(const tsn::Config& table) {
  only_keys(table, {"method", "url", "headers", "body", "ok", "id", "permanent"});
  SendTable out{request_at(table, "POST", message_fields), codes_at(table, "ok"), codes_at(table, "permanent"),
                pointer_at(table, "id")};
  return out;
}

std::chrono::nanoseconds every_at(const tsn::Config& table) {
  const auto every = parse_duration(table.str("every", "15s"));
  if (!every || *every < std::chrono::seconds(1)) table["every"].wrong("a duration of 1s or more, such as \"15s\"");
  return *every;
}

StatusTable status_at(const tsn::Config& table, const SendTable* send, bool calls) {
  if (calls)
    only_keys(table, {"method", "url", "headers", "body", "state", "delivered", "failed", "every", "no_answer"});
  else
    only_keys(table, {"method", "url", "headers", "body", "state", "delivered", "failed", "every"});
  StatusTable out{request_at(table, "GET", status_fields), needed_pointer(table, "state"), {}};
  out.every = every_at(table);
  if (!send || send->id.empty()) table["url"].wrong("send.id beside it: without an id there is nothing to ask for");
  // The same credentials, where none are given.
  if (!table.has("headers"))
    for (const auto& [name, value] : send->request.headers)
      if (lower(name) == "authorization" && value.find("{{") == value.npos)
        out.request.headers.emplace_back(name, value);
  return out;
}

std::string path_at(const tsn::Config& table) {
  std::string path(table.str("path"));
  if (!path.starts_with('/')) table["path"].wrong("a path that begins with /");
  return path;
}

CallbackTable callback_at(const tsn::Config& table, bool calls) {
  if (calls)
    only_keys(table, {"path", "auth", "id", "state", "delivered", "failed", "no_answer", "digits"});
  else
    only_keys(table, {"path", "auth", "id", "state", "delivered", "failed"});
  CallbackTable out{path_at(table), needed_pointer(table, "id"), pointer_at(table, "state"),
                    calls ? pointer_at(table, "digits") : "", CallbackAuth(table)};
  if (out.state.empty() && out.digits.empty()) table["state"].wrong("a JSON Pointer, such as \"/status\"");
  return out;
}

ReplyTable reply_at(const tsn::Config& table) {
  only_keys(table, {"path", "auth", "from", "text", "id"});
  ReplyTable out{path_at(table), needed_pointer(table, "from"), needed_pointer(table, "text"), pointer_at(table, "id"),
                 CallbackAuth(table)};
  return out;
}

/// The known key that `key` is a slip of the pen away from; empty: none is.
std::string_view nearest(std::string_view key, std::initializer_list<std::string_view> known) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, key.size() / 3) + 1;
  for (const auto name : known) {
    std::vector<std::size_t> row(name.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= key.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j < row.size(); ++j) {
        const auto changed = diagonal + (key[i - 1] == name[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < least) least = row.back(), best = name;
  }
  return best;
}

}  // namespace

Outcome Words::outcome(std::string_view word) const {
  if (with_detail) word = word.substr(0, word.find(": "));
  const auto in = [&](const std::vector<std::string>& list) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& each) { return lower(each) == lower(word); });
  };
  return in(delivered)   ? Outcome::delivered
         : in(failed)    ? Outcome::failed
         : in(no_answer) ? Outcome::no_answer
                         : Outcome::on_its_way;
}

void only_keys(const tsn::Config& table, std::initializer_list<std::string_view> known) {
  std::string names;
  for (const auto name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  for (std::uint32_t i = 0; i < table.count(); ++i)
    if (std::find(known.begin(), known.end(), table.key(i)) == known.end()) {
      const auto meant = nearest(table.key(i), known);
      table.at(i).wrong("one of the keys " + names +
                        (meant.empty() ? "" : "; did you mean \"" + std::string(meant) + "\"?"));
    }
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0 || count > 1'000'000) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit == "ms") return std::chrono::milliseconds(count);
  if (unit == "s") return std::chrono::seconds(count);
  if (unit == "m") return std::chrono::minutes(count);
  if (unit == "h") return std::chrono::hours(count);
  return std::nullopt;
}

Provider read_provider(const tsn::Config& config, const Words& defaults, bool calls) {
  Provider out;
  out.words = defaults;
  const auto send = config.table("send"), status = config.table("status"), callback = config.table("callback");
  if (send.count()) out.send = send_at(send);
  if (status.count()) read_words(status, calls, out.words);
  if (callback.count()) read_words(callback, calls, out.words);
  if (status.count()) out.status = status_at(status, out.send ? &*out.send : nullptr, calls);
  if (callback.count()) out.callback = callback_at(callback, calls);
  if (callback.count() && out.send && out.send->id.empty())
    callback["id"].wrong("send.id beside it: without an id no callback can be matched");
  if (const auto reply = config.table("reply"); !calls && reply.count()) out.reply = reply_at(reply);
  return out;
}

Provider read_adapter_provider(const tsn::Config& config, const Words& defaults, bool calls, bool asks, bool reads) {
  Provider out;
  const auto send = config.table("send"), status = config.table("status"), callback = config.table("callback");
  if (send.count()) send.wrong("no table: the adapter sends; take out either");
  if (status.count() && !asks) status.wrong("no table: the adapter has no function status(id)");
  only_keys(status, {"every"});
  if (asks) out.status = StatusTable{{}, {}, every_at(status)};
  if (!reads && callback.count()) {
    out.words = defaults;
    read_words(callback, calls, out.words);
  }
  out.words.with_detail = true;
  out.words.delivered.emplace_back("delivered");
  out.words.failed.emplace_back("failed");
  if (calls) out.words.no_answer.emplace_back("no_answer");
  const auto reply = calls ? tsn::Config() : config.table("reply");
  if (!reads) {
    if (callback.count()) out.callback = callback_at(callback, calls);
    if (reply.count()) out.reply = reply_at(reply);
    return out;
  }
  only_keys(callback, {"path", "auth"});
  only_keys(reply, {"path", "auth"});
  if (callback.count()) out.callback = CallbackTable{path_at(callback), {}, {}, {}, CallbackAuth(callback)};
  if (reply.count()) out.reply = ReplyTable{path_at(reply), {}, {}, {}, CallbackAuth(reply)};
  return out;
}

}  // namespace tocsin_plugins
