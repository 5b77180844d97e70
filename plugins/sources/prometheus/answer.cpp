#include "answer.hpp"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <optional>

namespace tocsin_plugins::prometheus {
namespace {

using Element = simdjson::dom::element;
using Array = simdjson::dom::array;
using Object = simdjson::dom::object;

/// The API tells of warnings once for each that came up; a few are enough.
constexpr std::size_t most_notes = 16, longest_note = 1024;

/// What is wrong with an answer; caught where reading began.
struct Odd {
  std::string what;
};
struct TooMany {};

template <class T>
T as(Element element, const char* what) {
  T out;
  if (element.get(out)) throw Odd{what};
  return out;
}
std::optional<Element> member(Object object, std::string_view name) {
  Element out;
  if (object.at_key(name).get(out)) return std::nullopt;
  return out;
}
Element needed(Object object, std::string_view name, const char* what) {
  const auto found = member(object, name);
  if (!found) throw Odd{what};
  return *found;
}

std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('+')) return std::nullopt;
  return out;
}

double read_value(Element element) {
  double out = 0;
  if (element.is_string()) {
    const auto value = number_of(as<std::string_view>(element, ""));
    if (!value) throw Odd{"a value is no number"};
    return *value;
  }
  if (element.get(out)) throw Odd{"a value is no number"};
  return out;
}

/// Milliseconds are what Prometheus has; a double of today's seconds is exact to less than one.
tsn::Time read_time(Element element) {
  double seconds = 0;
  if (element.get(seconds) || !(seconds >= 0) || seconds > 9.2e9) throw Odd{"a time is no seconds from 1970 to 2261"};
  return std::llround(seconds * 1e3) * 1'000'000;
}

Sample read_sample(Element element) {
  const auto pair = as<Array>(element, "a sample is no pair of time and value");
  if (pair.size() != 2) throw Odd{"a sample is no pair of time and value"};
  return {read_time(pair.at(0)), read_value(pair.at(1))};
}

class Reader {
 public:
  Reader(std::size_t most, Answer& out) : most_(most), out_(out) {}

  void read(Element root) {
    const auto object = as<Object>(root, "it is no JSON object");
    const auto status = as<std::string_view>(needed(object, "status", "it has no \"status\""), "\"status\" is no text");
    read_notes(object, "warnings", out_.warnings);
    read_notes(object, "infos", out_.infos);
    if (status == "error") return read_error(object);
    if (status != "success") throw Odd{"its \"status\" is neither \"success\" nor \"error\""};
    const auto data = as<Object>(needed(object, "data", "it has no \"data\""), "\"data\" is no object");
    const auto type =
        as<std::string_view>(needed(data, "resultType", "it has no \"resultType\""), "\"resultType\" is no text");
    read_result(type, needed(data, "result", "it has no \"result\""));
  }

 private:
  static void read_notes(Object object, std::string_view name, std::vector<std::string>& out) {
    const auto list = member(object, name);
    if (!list || list->is_null()) return;
    for (const Element each : as<Array>(*list, "\"warnings\" or \"infos\" is no list")) {
      if (out.size() == most_notes) return;
      const auto text = as<std::string_view>(each, "a warning is no text");
      out.emplace_back(text.substr(0, tsn::detail::fitting(text, longest_note)));
    }
  }
  void read_error(Object object) {
    out_.failed = true;
    if (const auto type = member(object, "errorType"))
      out_.error_type = as<std::string_view>(*type, "\"errorType\" is no text");
    if (const auto text = member(object, "error")) out_.error = as<std::string_view>(*text, "\"error\" is no text");
  }

  void read_result(std::string_view type, Element result) {
    if (type == "vector" || type == "matrix") {
      out_.type = type == "vector" ? Answer::Type::vector : Answer::Type::matrix;
      for (const Element each : as<Array>(result, "\"result\" is no list")) read_series(each);
    } else if (type == "scalar") {
      out_.type = Answer::Type::scalar;
      out_.series.push_back({{}, {}, 0, 1});
      out_.samples.push_back(read_sample(result));
    } else if (type == "string") {
      out_.type = Answer::Type::string;
    } else {
      throw Odd{"its \"resultType\" is none that is known"};
    }
  }

  void read_series(Element element) {
    const auto object = as<Object>(element, "a series is no object");
    AnswerSeries series;
    series.first = out_.samples.size();
    for (const auto& [name, value] : as<Object>(needed(object, "metric", "a series has no \"metric\""), "\"metric\"")) {
      const auto text = as<std::string_view>(value, "a label is no text");
      if (name == "__name__")
        series.name = text;
      else
        series.labels.emplace_back(name, text);
    }
    read_samples(object);
    series.count = out_.samples.size() - series.first;
    // A series of nothing but histograms has no sample.
    if (series.count > 0) out_.series.push_back(std::move(series));
  }

  void read_samples(Object object) {
    if (out_.type == Answer::Type::vector) {
      if (const auto value = member(object, "value"))
        take(read_sample(*value));
      else if (member(object, "histogram"))
        ++out_.histograms;
      else
        throw Odd{"a series has no \"value\""};
      return;
    }
    const auto values = member(object, "values"), histograms = member(object, "histograms");
    if (!values && !histograms) throw Odd{"a series has no \"values\""};
    if (values)
      for (const Element each : as<Array>(*values, "\"values\" is no list")) take(read_sample(each));
    if (histograms) out_.histograms += as<Array>(*histograms, "\"histograms\" is no list").size();
  }

  void take(Sample sample) {
    if (out_.samples.size() == most_) throw TooMany();
    out_.samples.push_back(sample);
  }

  const std::size_t most_;
  Answer& out_;
};

/// What simdjson reads needs room behind it.
std::string why_not_json(simdjson::dom::parser& parser, std::string& body, Element& root) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  const auto error = parser.parse(body.data(), body.size(), false).get(root);
  return error ? std::string("it is no JSON, or was cut short: ") + simdjson::error_message(error) : std::string();
}

}  // namespace

std::string read_answer(std::string body, std::size_t most, Answer& out, bool& too_many) {
  out = {};
  too_many = false;
  simdjson::dom::parser parser;
  Element root;
  if (auto why = why_not_json(parser, body, root); !why.empty()) return why;
  try {
    Reader(most, out).read(root);
  } catch (const Odd& odd) {
    return odd.what;
  } catch (const TooMany&) {
    too_many = true;
    return "it has more than " + std::to_string(most) + " samples";
  }
  return {};
}

std::string read_version(std::string body) {
  simdjson::dom::parser parser;
  Element root;
  std::string_view version;
  if (!why_not_json(parser, body, root).empty()) return {};
  if (root["data"]["version"].get(version)) return {};
  return std::string(version.substr(0, tsn::detail::fitting(version, 64)));
}

}  // namespace tocsin_plugins::prometheus
