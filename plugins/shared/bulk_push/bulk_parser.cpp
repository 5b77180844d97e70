#include "bulk_push/bulk_parser.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "timestamp/timestamp.hpp"

namespace tocsin_plugins {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;

/// Series are found again by the text of name and labels as it stands in the body: a hit costs one hash over it and no
/// parsing. Bodies that write the same labels in another order make another entry for the same series.
struct SeriesText {
  std::string name, labels;
};
struct SeriesTextView {
  std::string_view name, labels;
};
struct SeriesHash {
  using is_transparent = void;
  std::size_t operator()(const SeriesTextView& key) const {
    const std::hash<std::string_view> hash;
    return hash(key.labels) * 0x9E3779B97F4A7C15ull + hash(key.name);
  }
  std::size_t operator()(const SeriesText& key) const { return (*this)(SeriesTextView{key.name, key.labels}); }
};
struct SeriesEqual {
  using is_transparent = void;
  static SeriesTextView view(const SeriesText& key) { return {key.name, key.labels}; }
  static SeriesTextView view(const SeriesTextView& key) { return key; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    const auto x = view(a), y = view(b);
    return x.name == y.name && x.labels == y.labels;
  }
};

constexpr std::size_t most_cached = 200'000;  // entries; beyond it the cache starts anew

/// Errors that leave the document readable: the item is refused, the next one is read.
bool item_error(error_code error) {
  return error == simdjson::INCORRECT_TYPE || error == simdjson::NUMBER_ERROR ||
         error == simdjson::NUMBER_OUT_OF_RANGE || error == simdjson::STRING_ERROR;
}

/// What one item says, before it is judged.
struct Item {
  std::string_view name, labels;
  bool has_name = false, has_ts = false, has_value = false;
  std::int64_t ts = 0;
  double value = 0;
  tsn::Summary summary{NAN, NAN, NAN, NAN, NAN};
  const char* error_type = nullptr;
  std::string reason;

  void refuse(const char* type, std::string why) {
    if (error_type) return;
    error_type = type;
    reason = std::move(why);
  }
};

}  // namespace

struct BulkParser::Impl {
  using Form = BulkParser::Form;

  explicit Impl(tsn::Context& context) : ctx(context) {}

  std::string parse(std::string_view body, Form form);
  std::string parse_lines(std::string_view body);
  error_code read_document(std::string_view body, od::document& document);
  error_code take_all(od::array signals);
  error_code take(od::value value);
  void judge(Item& item, od::object* object);
  error_code read_item(od::object& object, Item& item);
  error_code read_ts(od::value value, Item& item);
  error_code read_labels_text(od::value value, Item& item);
  error_code read_number(od::value value, const char* key, double& to, Item& item);
  bool find_series(Item& item, tsn::Series& series);
  bool read_labels(Item& item, std::vector<std::pair<std::string, std::string>>& labels);
  void reject(const Item& item, od::object* object, std::string_view raw = {});
  Rejection rejection(const Item& item, od::object* object);

  tsn::Context& ctx;
  tsn::Time now = 0;
  tsn::Batch* batch = nullptr;  ///< and the two below: of the body at hand
  std::vector<std::uint32_t>* item_of_row = nullptr;
  std::vector<Rejection>* rejections = nullptr;
  std::map<std::string, std::uint32_t, std::less<>> unlisted;
  std::uint32_t index = 0;
  od::parser document_parser, labels_parser;
  std::unordered_map<SeriesText, tsn::Series, SeriesHash, SeriesEqual> cache;
  std::string padded;
};

BulkParser::BulkParser(tsn::Context& ctx) : impl_(std::make_unique<Impl>(ctx)) {}
BulkParser::~BulkParser() = default;

std::string BulkParser::parse(std::string_view body, tsn::Time now, tsn::Batch& batch,
                              std::vector<std::uint32_t>& item_of_row, std::vector<Rejection>& rejections, Form form) {
  impl_->now = now;
  impl_->batch = &batch;
  impl_->item_of_row = &item_of_row;
  impl_->rejections = &rejections;
  impl_->unlisted.clear();
  impl_->index = 0;
  return form == Form::lines ? impl_->parse_lines(body) : impl_->parse(body, form);
}

const std::map<std::string, std::uint32_t, std::less<>>& BulkParser::unlisted() const {
  return impl_->unlisted;
}

void BulkParser::shrink(std::size_t most) {
  if (impl_->document_parser.capacity() > most) impl_->document_parser = od::parser();
}

std::string BulkParser::check(std::string_view body, Form form) {
  impl_->batch = nullptr;
  return form == Form::lines ? std::string() : impl_->parse(body, form);
}

error_code BulkParser::Impl::read_document(std::string_view body, od::document& document) {
  return document_parser.iterate(body.data(), body.size(), body.size() + simdjson::SIMDJSON_PADDING).get(document);
}

std::string BulkParser::Impl::parse(std::string_view body, Form form) {
  const std::string expected = form == Form::any ? "expected a signal, an array of signals, or {\"signals\": […]}"
                                                 : "expected {\"signals\": […]}";
  od::document document;
  bool open = false;  // a document that could not be opened has no location
  const auto refuse = [&](error_code error) {
    const char* at = nullptr;
    if (!open || document.current_location().get(at) || at < body.data() || at > body.data() + body.size())
      at = body.data();
    return std::string("the body is not valid JSON at byte ") + std::to_string(at - body.data()) + ": " +
           simdjson::error_message(error);
  };
  if (body.empty()) return "the body is empty; " + expected;
  if (auto error = read_document(body, document)) return refuse(error);
  open = true;
  od::json_type type;
  if (auto error = document.type().get(type)) return refuse(error);
  od::array signals;
  if (form == Form::any && type == od::json_type::array) {
    if (auto error = document.get_array().get(signals)) return refuse(error);
    if (auto error = take_all(signals)) return refuse(error);
    return {};
  }
  if (type != od::json_type::object) return form == Form::any ? expected : "expected an object, {\"signals\": […]}";
  od::object root;
  if (auto error = document.get_object().get(root)) return refuse(error);
  if (auto error = root.find_field_unordered("signals").get_array().get(signals)) {
    if (error == simdjson::INCORRECT_TYPE) return "\"signals\": expected an array";
    if (error != simdjson::NO_SUCH_FIELD) return refuse(error);
    if (form == Form::push) return "the member \"signals\" is missing; " + expected;
    Item item;
    if (auto again = root.reset().error()) return refuse(again);
    if (auto inner = read_item(root, item)) return refuse(inner);
    judge(item, &root);
    return {};
  }
  if (auto error = take_all(signals)) return refuse(error);
  return {};
}

/// The lines behind one are the padding of its parser.
std::string BulkParser::Impl::parse_lines(std::string_view body) {
  while (!body.empty()) {
    const auto end = std::min(body.find('\n'), body.size());
    const auto line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    od::document document;
    od::object object;
    Item item;
    error_code error = read_document(line, document);
    if (!error) error = document.get_object().get(object);
    if (!error) error = read_item(object, item);
    const char* behind = nullptr;  // where the document has ended there is nothing
    if (!error && !document.current_location().get(behind)) error = simdjson::TRAILING_CONTENT;
    if (error) {
      Item broken;
      broken.refuse("json", error == simdjson::INCORRECT_TYPE
                                ? std::string("expected an object on each line")
                                : std::string("the line is not valid JSON: ") + simdjson::error_message(error));
      reject(broken, nullptr, line);
    } else {
      judge(item, &object);
    }
    ++index;
  }
  return {};
}

error_code BulkParser::Impl::take_all(od::array signals) {
  for (auto element : signals) {
    od::value value;
    if (auto error = element.get(value)) return error;
    if (auto error = take(value)) return error;
    ++index;
  }
  return simdjson::SUCCESS;
}

error_code BulkParser::Impl::take(od::value value) {
  Item item;
  od::object object;
  if (auto error = value.get_object().get(object)) {
    if (!item_error(error)) return error;
    item.refuse("json", "expected an object");
    judge(item, nullptr);
    return simdjson::SUCCESS;
  }
  if (auto error = read_item(object, item)) return error;
  judge(item, &object);
  return simdjson::SUCCESS;
}

/// A row, or a rejection.
void BulkParser::Impl::judge(Item& item, od::object* object) {
  if (!batch) return;  // the body is only checked
  if (!item.error_type && !item.has_name) item.refuse("name", "\"name\" is missing");
  if (!item.error_type && !item.has_value && std::isnan(item.summary.count))
    item.refuse("value", "\"value\" is missing, and there is no summary (count, min, max, avg, sum)");
  tsn::Series series;
  if (item.error_type || !find_series(item, series)) {
    return reject(item, object);
  }
  const tsn::Time ts = item.has_ts ? item.ts : now;
  // The batch grows and is submitted as a whole: the answer tells of every item by its index.
  if (batch->full()) batch->reserve(batch->rows());
  if (item.has_value)
    batch->push(ts, series, item.value);
  else
    batch->push(ts, series, item.summary);
  item_of_row->push_back(index);
}

error_code BulkParser::Impl::read_item(od::object& object, Item& item) {
  for (auto member : object) {
    od::field field;
    if (auto error = std::move(member).get(field)) return error;
    const od::raw_json_string key = field.key();
    od::value value = field.value();
    error_code error = simdjson::SUCCESS;
    if (key.unsafe_is_equal("name")) {
      error = value.get_string().get(item.name);
      if (!error) {
        item.has_name = true;
      } else if (item_error(error)) {
        item.refuse("name", "\"name\": expected a string");
        error = simdjson::SUCCESS;
      }
    } else if (key.unsafe_is_equal("labels")) {
      error = read_labels_text(value, item);
    } else if (key.unsafe_is_equal("value")) {
      error = read_number(value, "value", item.value, item);
      item.has_value = !error;
    } else if (key.unsafe_is_equal("ts")) {
      error = read_ts(value, item);
    } else if (key.unsafe_is_equal("count")) {
      error = read_number(value, "count", item.summary.count, item);
    } else if (key.unsafe_is_equal("min")) {
      error = read_number(value, "min", item.summary.min, item);
    } else if (key.unsafe_is_equal("max")) {
      error = read_number(value, "max", item.summary.max, item);
    } else if (key.unsafe_is_equal("avg")) {
      error = read_number(value, "avg", item.summary.avg, item);
    } else if (key.unsafe_is_equal("sum")) {
      error = read_number(value, "sum", item.summary.sum, item);
    }
    if (error) return error;
  }
  const auto& s = item.summary;
  if (!item.has_value && !std::isnan(s.count) && std::isnan(s.min + s.max + s.avg + s.sum)) {
    item.refuse("value", "a summary needs count, min, max, avg and sum");
  }
  return simdjson::SUCCESS;
}

error_code BulkParser::Impl::read_number(od::value value, const char* key, double& to, Item& item) {
  const auto error = value.get_double().get(to);
  if (!error && std::isfinite(to)) return error;
  if (error && !item_error(error)) return error;
  std::string_view token = value.raw_json_token();
  while (!token.empty() && (token.back() <= ' ' || token.back() == ',' || token.back() == '}')) token.remove_suffix(1);
  const bool named = token.find("NaN") != token.npos || token.find("nan") != token.npos ||
                     token.find("Inf") != token.npos || token.find("inf") != token.npos;
  item.refuse("value", std::string("\"") + key + "\": expected a finite number" +
                           (named ? "; leave a sample out that is NaN or infinite" : ""));
  return simdjson::SUCCESS;
}

error_code BulkParser::Impl::read_labels_text(od::value value, Item& item) {
  od::json_type type;
  if (auto error = value.type().get(type)) return error;
  if (type == od::json_type::null) return simdjson::SUCCESS;
  od::object object;
  const auto error = value.get_object().get(object);
  if (!error) return object.raw_json().get(item.labels);
  if (!item_error(error)) return error;
  item.refuse("labels", "\"labels\": expected an object of strings");
  return simdjson::SUCCESS;
}

error_code BulkParser::Impl::read_ts(od::value value, Item& item) {
  std::optional<std::int64_t> at;
  od::json_type type;
  if (auto error = value.type().get(type)) return error;
  if (type == od::json_type::string) {
    std::string_view text;
    if (auto error = value.get_string().get(text)) return error;
    at = parse_rfc3339(text);
  } else if (type == od::json_type::number) {
    od::number number;
    if (auto error = value.get_number().get(number)) {
      if (!item_error(error)) return error;
    } else {
      at = number.is_double() ? time_from_number(number.get_double())
                              : time_from_integer(number.is_int64() ? number.get_int64() : INT64_MAX);
    }
  } else if (type == od::json_type::null) {
    return simdjson::SUCCESS;
  }
  if (!at) {
    item.refuse("timestamp", "\"ts\": expected RFC 3339 text, or seconds, milliseconds or nanoseconds since 1970");
    return simdjson::SUCCESS;
  }
  item.has_ts = true;
  item.ts = *at;
  return simdjson::SUCCESS;
}

bool BulkParser::Impl::find_series(Item& item, tsn::Series& series) {
  if (const auto it = cache.find(SeriesTextView{item.name, item.labels}); it != cache.end()) {
    series = it->second;
    return true;
  }
  std::vector<std::pair<std::string, std::string>> labels;
  if (!read_labels(item, labels)) return false;
  std::vector<tsn::LabelView> views(labels.begin(), labels.end());
  const auto status = ctx.try_series(item.name, views, series);
  if (!status) {
    item.refuse(status.value() == TSN_CARDINALITY ? "cardinality" : "name", std::string(status.text()));
    return false;
  }
  if (cache.size() >= most_cached) cache.clear();
  cache.emplace(SeriesText{std::string(item.name), std::string(item.labels)}, series);
  return true;
}

bool BulkParser::Impl::read_labels(Item& item, std::vector<std::pair<std::string, std::string>>& labels) {
  if (item.labels.empty()) return true;
  const auto refuse = [&](std::string why) {
    item.refuse("labels", std::move(why));
    return false;
  };
  padded.assign(item.labels);
  padded.append(simdjson::SIMDJSON_PADDING, '\0');
  od::document document;
  od::object object;
  if (labels_parser.iterate(padded.data(), item.labels.size(), padded.size()).get(document) ||
      document.get_object().get(object)) {
    return refuse("\"labels\": expected an object of strings");
  }
  for (auto member : object) {
    std::string_view key;
    if (member.unescaped_key().get(key)) return refuse("\"labels\": expected an object of strings");
    const std::string name(key);  // the next string overwrites the parser's buffer
    od::value value;
    od::json_type type;
    if (member.value().get(value) || value.type().get(type)) return refuse("\"labels\": expected an object of strings");
    std::string_view text;
    if (type == od::json_type::string) {
      if (value.get_string().get(text)) return refuse("label \"" + name + "\" is not valid text");
    } else if (type == od::json_type::number || type == od::json_type::boolean) {
      if (value.raw_json_token().size() == 0) return refuse("label \"" + name + "\" is empty");
      text = value.raw_json_token();
      while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t' || text.back() == '\r'))
        text.remove_suffix(1);
      if (type == od::json_type::number) {
        double ignored = 0;
        if (value.get_double().get(ignored)) return refuse("label \"" + name + "\" is not a number");
      } else {
        bool ignored = false;
        if (value.get_bool().get(ignored)) return refuse("label \"" + name + "\" is neither true nor false");
      }
    } else if (type != od::json_type::null) {
      return refuse("label \"" + name + "\": expected a string");
    }
    labels.emplace_back(name, std::string(text));
  }
  return true;
}

void BulkParser::Impl::reject(const Item& item, od::object* object, std::string_view raw) {
  if (rejections->size() < BulkParser::most_listed) {
    rejections->push_back(rejection(item, object));
    if (!raw.empty()) rejections->back().raw = raw;
    return;
  }
  const std::string_view type = item.error_type;
  if (const auto at = unlisted.find(type); at != unlisted.end())
    ++at->second;
  else
    unlisted.emplace(type, 1);
}

Rejection BulkParser::Impl::rejection(const Item& item, od::object* object) {
  Rejection made{index, item.error_type, item.reason, std::string(item.name), {}, {}};
  std::string_view raw;
  if (object && !object->reset().error() && !object->raw_json().get(raw)) made.raw = raw;
  const auto at = item.labels.find("\"loader\"");
  if (at != item.labels.npos) {
    const auto open = item.labels.find('"', item.labels.find(':', at));
    const auto close = open == item.labels.npos ? open : item.labels.find('"', open + 1);
    if (close != item.labels.npos) made.loader = item.labels.substr(open + 1, close - open - 1);
  }
  return made;
}

}  // namespace tocsin_plugins
