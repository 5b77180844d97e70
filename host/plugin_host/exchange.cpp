// "tsn.exchanges/1": copied out of the plugin's memory, masked and cut; the port queues it and does not wait.
#include "plugin_host/exchange.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr std::array<std::string_view, 4> secret_keys = {"secret", "token", "password", "bearer"};
/// A shorter one would mask half of every text, and guards nothing.
constexpr std::size_t least_secret = 4;
constexpr std::string_view mask = "***";

constexpr std::size_t most_payload = 16 * 1024, most_line = 2000, most_word = 256;
/// Copied at most before it is masked and cut; what lies behind would be cut all the same.
constexpr std::size_t most_copied = 64 * 1024;

constexpr std::size_t length_of_character(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// At most `most` bytes, whole characters.
std::string keepable(std::string_view text, std::size_t most) {
  std::string out;
  out.reserve(std::min(text.size(), most));
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view one = text.substr(at, length_of_character(text[at]));
    const bool good = one.front() != '\0' && base::valid_utf8(one);
    const std::string_view shown = good ? one : std::string_view("\xEF\xBF\xBD");
    if (out.size() + shown.size() > most) break;
    out += shown;
    at += good ? one.size() : 1;
  }
  return out;
}

void replace_all(std::string& text, std::string_view what) {
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + mask.size()))
    text.replace(at, what.size(), mask);
}

std::string head_of(tsn_str s) {
  return std::string(view(s).substr(0, most_copied));
}

}  // namespace

void Secrets::learn(const base::Value& config, const std::vector<base::Option>& options) {
  std::lock_guard lock(mutex_);
  if (config.table() == nullptr) return;
  const base::Value* username = config.find("username");
  username_ = username != nullptr && username->string() != nullptr ? *username->string() : std::string();
  for (const base::Value::Member& member : *config.table()) {
    const auto option = std::ranges::find(options, member.key, &base::Option::key);
    if (option != options.end()) take(member.value, option->children, option->secret);
  }
  std::ranges::sort(values_, std::ranges::greater{}, &std::string::size);
}

void Secrets::take(const base::Value& value, const std::vector<base::Option>& options, bool secret) {
  if (const std::string* text = value.string(); text != nullptr && secret) add(*text);
  if (const base::Value::Array* items = value.array()) {
    for (const base::Value& item : *items) take(item, options, secret);
  }
  if (value.table() == nullptr) return;
  for (const base::Value::Member& member : *value.table()) {
    const auto option = std::ranges::find(options, member.key, &base::Option::key);
    const bool called_so = std::ranges::find(secret_keys, member.key) != secret_keys.end();
    if (option == options.end())
      take(member.value, {}, secret || called_so);
    else
      take(member.value, option->children, secret || option->secret);
  }
}

void Secrets::add(const std::string& value) {
  if (value.size() < least_secret) return;
  const std::string quoted = base::json_quote(value);
  add_form(value);
  add_form(quoted.substr(1, quoted.size() - 2));
  if (!username_.empty()) add_form(base::to_base64(username_ + ":" + value));
}

void Secrets::add_form(std::string form) {
  if (std::ranges::find(values_, form) == values_.end()) values_.push_back(std::move(form));
}

std::string Secrets::masked(std::string_view text) const {
  std::string out(text);
  std::lock_guard lock(mutex_);
  for (const std::string& value : values_) replace_all(out, value);
  return out;
}

void make_keepable(model::Exchange& exchange, const Secrets& secrets) {
  const auto fit = [&](std::string& text, std::size_t most) { text = keepable(secrets.masked(text), most); };
  fit(exchange.correlation_id, most_word);
  fit(exchange.ticket, most_word);
  fit(exchange.method, most_word);
  fit(exchange.target, most_line);
  fit(exchange.error, most_line);
  fit(exchange.request, most_payload);
  fit(exchange.response, most_payload);
}

base::Result<void> Port::exchange(const std::string&, model::Exchange) {
  return base::fail(base::Fault::unsupported, "exchanges are not kept here");
}

tsn_status InstanceCore::log_exchange(const tsn_exchange* in, tsn_err* err) {
  if (in == nullptr || in->size < offsetof(tsn_exchange, at)) {
    return refuse(err, TSN_INVALID, "exchange: the struct is missing or too small");
  }
  if (left_behind()) return refuse(err, TSN_CANCELLED, "exchange: the instance hung and was left behind");
  const tsn_exchange from = copy_sized(in);
  for (const tsn_str& text :
       {from.correlation_id, from.ticket, from.method, from.target, from.request, from.response, from.error}) {
    if (!sound(text)) return refuse(err, TSN_INVALID, "exchange: a text has a length and no bytes");
  }
  if (from.at < 0 || from.took < 0) {
    return refuse(err, TSN_INVALID, "exchange: its time is before 1970, or it took less than nothing");
  }
  model::Exchange out;
  out.direction = from.incoming != 0 ? model::ExchangeDirection::in : model::ExchangeDirection::out;
  out.correlation_id = head_of(from.correlation_id);
  out.ticket = head_of(from.ticket);
  out.method = head_of(from.method);
  out.target = head_of(from.target);
  out.request = head_of(from.request);
  out.response = head_of(from.response);
  out.error = head_of(from.error);
  out.http_status = from.status;
  out.took = base::Duration(from.took);
  out.at = from.at == 0 ? port_.clock().now() : base::from_ns(from.at);
  make_keepable(out, secrets_);
  auto taken = port_.exchange(settings_.name, std::move(out));
  return taken ? TSN_OK : refuse(err, status_of(taken.error().fault()), taken.error().message());
}

}  // namespace tocsin::plugin_host
