#include "container_line.hpp"

#include <simdjson.h>

#include "timestamp/timestamp.hpp"

namespace tocsin_plugins::logtail {
namespace {

std::string_view stream_of(std::string_view name) {
  return name == "stdout" ? std::string_view("stdout") : name == "stderr" ? "stderr" : std::string_view();
}

/// The word at the front and the blank behind it. Nothing: there is no blank.
std::optional<std::string_view> take_word(std::string_view& rest) {
  const auto blank = rest.find(' ');
  if (blank == rest.npos) return std::nullopt;
  const auto word = rest.substr(0, blank);
  rest.remove_prefix(blank + 1);
  return word;
}

}  // namespace

bool read_cri(std::string_view line, ContainerLine& out) {
  auto rest = line;
  const auto time = take_word(rest);
  if (!time || time->size() < sizeof "2016-10-06T00:17:09Z" - 1) return false;
  const auto stream = take_word(rest);
  if (!stream || stream_of(*stream).empty()) return false;
  // Tags are separated by colons, the first one is P or F. An empty message may come without its blank.
  const auto tags = rest.substr(0, rest.find(' '));
  const auto first = tags.substr(0, tags.find(':'));
  if (first != "F" && first != "P") return false;
  const auto written = parse_rfc3339(*time);
  if (!written) return false;
  rest.remove_prefix(std::min(tags.size() + 1, rest.size()));
  out = {rest, stream_of(*stream), written, first == "P"};
  return true;
}

struct Unwrapper::Parser {
  simdjson::dom::parser json;
};

Unwrapper::Unwrapper() : parser_(std::make_unique<Parser>()) {}
Unwrapper::~Unwrapper() = default;

bool Unwrapper::read_docker(std::string_view line, ContainerLine& out) {
  simdjson::dom::element entry;
  if (parser_->json.parse(line.data(), line.size()).get(entry) || !entry.is_object()) return false;
  std::string_view text, stream, time;
  bool has_text = false;
  for (const auto& [key, value] : simdjson::dom::object(entry)) {
    if (!value.is_string()) continue;
    const std::string_view found(value);
    if (key == "log") text = found, has_text = true;
    if (key == "stream") stream = found;
    if (key == "time") time = found;
  }
  const auto written = has_text ? parse_rfc3339(time) : std::nullopt;
  if (!written) return false;
  out = {text, stream_of(stream), written, !text.ends_with('\n')};
  if (!out.partial) out.text.remove_suffix(1);
  if (!out.partial && out.text.ends_with('\r')) out.text.remove_suffix(1);
  return true;
}

bool Unwrapper::unwrap(std::string_view line, Format format, ContainerLine& out) {
  switch (format) {
    case Format::cri:
      return read_cri(line, out);
    case Format::docker:
      return read_docker(line, out);
    case Format::automatic:
      if (line.size() > 10 && line[4] == '-' && (line[10] == 'T' || line[10] == 't') && read_cri(line, out))
        return true;
      if (line.starts_with(R"({"log":)") && read_docker(line, out)) return true;
      break;
    case Format::plain:
      break;
  }
  out = {line, {}, {}, false};
  return true;
}

}  // namespace tocsin_plugins::logtail
