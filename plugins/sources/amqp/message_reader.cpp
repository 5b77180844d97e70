#include "message_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "timestamp/timestamp.hpp"
#include "unpack/unpack.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins::amqp {
namespace {

using nlohmann::json;

constexpr std::size_t behind = 64;        // readable bytes that the parser wants behind a body
constexpr std::size_t most_names = 1000;  // of signals that events name
constexpr std::string_view header_prefix = "header:";

std::string label_name(std::string_view from) {
  std::string name(from);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'); },
      '_');
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) name.insert(name.begin(), '_');
  return name;
}

bool known_field(std::string_view field) {
  static constexpr std::string_view known[] = {"routing_key", "exchange", "type", "app_id", "user_id"};
  return std::find(std::begin(known), std::end(known), field) != std::end(known) ||
         (field.starts_with(header_prefix) && field.size() > header_prefix.size());
}

std::string_view field_of(const Delivery& message, std::string_view field) {
  if (field == "routing_key") return message.routing_key;
  if (field == "exchange") return message.exchange;
  if (field == "type") return message.type;
  if (field == "app_id") return message.app_id;
  if (field == "user_id") return message.user_id;
  return message.header(field.substr(header_prefix.size()));
}

/// A number, a boolean, or text that is a number; nothing where it is none, or none that is finite.
std::optional<double> number_of(const json& value) {
  double number = 0;
  if (value.is_number()) {
    number = value.get<double>();
  } else if (value.is_boolean()) {
    number = value.get<bool>() ? 1 : 0;
  } else if (const auto* text = value.get_ptr<const std::string*>()) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  } else {
    return std::nullopt;
  }
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<tsn::Time> instant_of(const json& value) {
  if (const auto* text = value.get_ptr<const std::string*>()) {
    if (auto at = parse_rfc3339(*text)) return at;
    const auto number = number_of(value);
    return number ? time_from_number(*number) : std::nullopt;
  }
  if (value.is_number_unsigned()) {
    const auto whole = value.get<std::uint64_t>();
    return whole <= INT64_MAX ? time_from_integer(static_cast<std::int64_t>(whole)) : std::nullopt;
  }
  return value.is_number() ? time_from_number(value.get<double>()) : std::nullopt;
}

bool says_json(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  return content_type == "application/json" || content_type.ends_with("+json");
}

}  // namespace

MessageReader::MessageReader(tsn::Context ctx, const tsn::Config& config)
    : ctx_(ctx),
      format_(config.str("format", "signals") == "event"  ? Format::event
              : config.str("format", "signals") == "text" ? Format::text
                                                          : Format::signals),
      signal_(config.str("signal", "amqp.message")),
      matches_(log_match::Match::read(config, signal_)),
      has_patterns_(matches_.front().has_pattern()),
      paths_(config.table("event")),
      by_arrival_(config.str("time", "sent") == "received"),
      max_age_(config.duration("max_age").count()),
      max_message_(static_cast<std::size_t>(config.size("max_message", 1 << 20))),
      parser_(ctx_),
      batch_(ctx, batch_rows) {
  const auto only_for = [&](bool given, const char* option, const char* formats) {
    if (given) throw tsn::Failure(tsn::invalid(std::string(option) + ": is for format = " + formats));
  };
  only_for(has_patterns_ && format_ == Format::signals, "match", "\"event\" and \"text\"");
  only_for(config.table("event").count() > 0 && format_ != Format::event, "event", "\"event\"");
  if (has_patterns_ && paths_.signal)
    throw tsn::Failure(tsn::invalid("event.signal: each [[match]] names its signal already; leave one of them out"));
  for (const auto& field : config.strings("fields")) {
    if (!known_field(field))
      throw tsn::Failure(tsn::invalid(
          "fields: \"" + field + "\" is none; expected routing_key, exchange, type, app_id, user_id or header:NAME"));
    const bool header = field.starts_with(header_prefix);
    fields_.emplace_back(field, label_name(header ? std::string_view(field).substr(header_prefix.size()) : field));
  }
  for (const auto& [name, pointer] : paths_.labels) {
    if (label_name(name) != name)
      throw tsn::Failure(tsn::invalid("event.labels: \"" + name + "\" is no label; use letters, digits and _"));
    for (const auto& [field, label] : fields_)
      if (label == name)
        throw tsn::Failure(tsn::invalid("event.labels: \"" + name + "\" is the label of \"" + field +
                                        "\" in fields too; leave one of them out"));
  }
}

std::vector<std::string> MessageReader::headers_of(const tsn::Config& config) {
  std::vector<std::string> names;
  for (const auto& field : config.strings("fields"))
    if (field.starts_with(header_prefix)) names.push_back(field.substr(header_prefix.size()));
  return names;
}

std::optional<Poison> MessageReader::take(Delivery& message) {
  if (message.too_long) return Poison{"size", "longer than max_message (" + std::to_string(max_message_) + " bytes)"};
  if (auto poison = unpack(message)) return poison;
  switch (format_) {
    case Format::signals:
      return take_signals(message);
    case Format::event:
      return take_event(message);
    default:
      return take_text(message);
  }
}

std::optional<Poison> MessageReader::unpack(Delivery& message) {
  const std::string& word = message.content_encoding;
  const auto coding = word == "utf-8" || word == "UTF-8" ? Coding::none : coding_of(word);  // Celery writes a charset
  if (coding == Coding::none) {
    const auto size = message.body.size();
    message.body.append(behind, '\0');
    message.body.resize(size);
    return std::nullopt;
  }
  if (!coding)
    return Poison{"encoding", "content_encoding \"" + word.substr(0, 40) + "\" is not known; expected " +
                                  std::string(codings_in_words) + ", or none"};
  const auto done = tocsin_plugins::unpack(*coding, message.body, max_message_, behind, unpacked_);
  if (done == Unpacked::too_long) return Poison{"size", "unpacks to more than max_message"};
  if (done == Unpacked::broken) return Poison{"encoding", broken_text(*coding)};
  message.body.swap(unpacked_);
  return std::nullopt;
}

std::optional<Poison> MessageReader::take_signals(Delivery& message) {
  using enum BulkParser::Form;
  if (auto refused = parser_.check(message.body, any); !refused.empty()) return Poison{"json", std::move(refused)};
  item_of_row_.clear();
  rejections_.clear();
  const auto before = batch_.rows();
  parser_.parse(message.body, ctx_.now(), batch_, item_of_row_, rejections_, any);
  const auto taken = batch_.rows() - before;
  if (taken == 0 && !rejections_.empty()) {
    const auto& first = rejections_.front();
    return Poison{first.error_type, "none of its signals could be taken; the first: " + first.reason};
  }
  for (const auto& item : rejections_) refuse(item.error_type, item.reason, item.name, item.raw, item.loader);
  counts_.signals += taken;
  counts_.refused += rejections_.size();
  for (const auto& [type, count] : parser_.unlisted()) {
    ctx_.reject({type, "one message holds more such items than are told one by one", {}, {}, {}, count});
    counts_.refused += count;
  }
  text_bytes_ += 32 * taken;
  return std::nullopt;
}

std::optional<Poison> MessageReader::take_event(const Delivery& message) {
  const auto begin = message.body.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return Poison{"event", "the body is empty"};
  const json parsed = json::parse(message.body, nullptr, false);
  if (parsed.is_object()) return take_object(message, parsed);
  if (parsed.is_array()) return Poison{"json", "expected one JSON object, got an array"};
  if (parsed.is_discarded() && (message.body[begin] == '{' || says_json(message.content_type)))
    return Poison{"json", "the body is not valid JSON"};
  return take_text(message);
}

std::optional<Poison> MessageReader::take_object(const Delivery& message, const json& object) {
  labels_.clear();
  field_labels(message);
  for (const auto& [name, pointer] : paths_.labels) {
    const auto* at = pointer.find(object);
    if (const auto text = at ? scalar_text(*at) : std::nullopt) label(name, *text);
  }
  std::optional<double> value;
  if (paths_.value) {
    const auto* at = paths_.value->find(object);
    value = at ? number_of(*at) : std::nullopt;
    if (!value) return Poison{"value", "at " + paths_.value->text() + " is no finite number"};
  }
  tsn::Time when = time_of(message);
  if (const auto* at = paths_.time && !by_arrival_ ? paths_.time->find(object) : nullptr; at && !at->is_null()) {
    const auto read = instant_of(*at);
    if (!read || *read <= 0)
      return Poison{"timestamp", "at " + paths_.time->text() + " is no RFC 3339 text and no number since 1970"};
    when = bounded(*read);
  }
  const auto* words = paths_.text ? paths_.text->find(object) : nullptr;
  const auto said = words ? scalar_text(*words) : std::nullopt;
  auto* matches = &matches_;
  if (const auto* name = paths_.signal ? paths_.signal->find(object) : nullptr) {
    if (const auto* text = name->get_ptr<const std::string*>(); text && !text->empty()) matches = &named(*text);
  }
  return write(*matches, said ? *said : message.body, when, value);
}

std::optional<Poison> MessageReader::take_text(const Delivery& message) {
  if (message.body.find_first_not_of(" \t\r\n") == std::string::npos) return Poison{"text", "the body is empty"};
  labels_.clear();
  field_labels(message);
  return write(matches_, message.body, time_of(message), std::nullopt);
}

std::optional<Poison> MessageReader::write(std::vector<log_match::Match>& matches, std::string_view body, tsn::Time at,
                                           std::optional<double> value) {
  while (!body.empty() && (body.back() == '\n' || body.back() == '\r')) body.remove_suffix(1);
  const auto text = utf8::clean(body, scratch_);
  views_.assign(labels_.begin(), labels_.end());
  std::optional<Poison> first;
  bool any = false, wrote = false;
  for (auto& match : matches) {
    if (!match.find(text)) continue;
    any = true;
    auto poison = write_one(match, text, at, value);
    wrote |= !poison;
    if (poison && !first) first = std::move(poison);
  }
  if (!any) ++counts_.unmatched;
  if (!wrote && first) return first;
  if (first) refuse(first->type, first->reason, matches.front().signal(), text);
  return std::nullopt;
}

std::optional<Poison> MessageReader::write_one(log_match::Match& match, std::string_view text, tsn::Time at,
                                               std::optional<double> value) {
  double number = 1;
  if (!match.value(number)) return Poison{"value", "the group \"" + match.value_group() + "\" holds no finite number"};
  if (value && match.value_group().empty()) number = *value;
  tsn::Series series;
  if (const auto status = match.series(ctx_, views_, series); !status)
    return Poison{status.value() == TSN_CARDINALITY ? "cardinality" : "labels", std::string(status.text())};
  // The rows of a message and its acknowledgement go together: the batch must not submit itself in between.
  if (batch_.full()) batch_.reserve(batch_.rows());
  const auto carried = utf8::cut(text, most_text);
  auto row = batch_.push(at, series, number).text(carried);
  if (max_age_ > 0 && at < ctx_.now() - max_age_) row.flags(TSN_ROW_OLD);
  text_bytes_ += carried.size();
  ++counts_.signals;
  return std::nullopt;
}

std::vector<log_match::Match>& MessageReader::named(const std::string& signal) {
  if (const auto at = by_name_.find(signal); at != by_name_.end()) return at->second;
  if (by_name_.size() >= most_names) by_name_.clear();
  auto& made = by_name_[signal];
  made.emplace_back(signal);
  return made;
}

tsn::Time MessageReader::time_of(const Delivery& message) {
  const auto now = ctx_.now();
  if (by_arrival_ || message.timestamp == 0 || message.timestamp > INT64_MAX) return now;
  // Seconds by the specification; some libraries send milliseconds.
  const auto at = time_from_integer(static_cast<std::int64_t>(message.timestamp));
  return at && *at > 0 ? bounded(*at) : now;
}

tsn::Time MessageReader::bounded(tsn::Time at) {
  const auto now = ctx_.now();
  if (at <= now + clock_slack) return at;
  ++counts_.clock_ahead;
  return now;
}

void MessageReader::label(std::string name, std::string_view value) {
  std::string scratch;
  labels_.emplace_back(std::move(name), utf8::cut(utf8::clean(value, scratch), log_match::Match::most_label));
}

void MessageReader::field_labels(const Delivery& message) {
  for (const auto& [field, name] : fields_) label(name, field_of(message, field));
}

void MessageReader::refuse(const std::string& type, std::string_view reason, std::string_view name,
                           std::string_view raw, std::string_view loader) {
  auto& refusal = refusals_[type];
  if (refusal.count < UINT32_MAX) ++refusal.count;
  if (refusal.count > 1) return;
  std::string scratch;
  refusal.reason = reason;
  refusal.name = name;
  refusal.loader = loader;
  refusal.raw = utf8::cut(utf8::clean(raw.substr(0, 4096), scratch), 1024);
}

void MessageReader::report_refusals() {
  for (const auto& [type, refusal] : refusals_)
    ctx_.reject({type, refusal.reason, refusal.name, refusal.loader, refusal.raw, refusal.count});
  refusals_.clear();
}

}  // namespace tocsin_plugins::amqp
