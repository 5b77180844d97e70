// links: tocsin_template Tocsin::testing nlohmann_json::nlohmann_json
// libFuzzer target for templates: any source compiled for any format, filled with any texts, and fitted into an SMS.
// The first line is the template, in which \n stands for a line's end.
#include <nlohmann/json.hpp>

#include "message.hpp"
#include "message_text/sms.hpp"
#include "template/fit.hpp"
#include "template/message_data.hpp"

using namespace tocsin_plugins;
using fuzz::require;

namespace {

std::string source_of(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool newline = line.substr(i).starts_with("\\n");
    out += newline ? '\n' : line[i];
    i += newline;
  }
  return out;
}

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

/// What was written may hold the template's own odd bytes, and no other.
void check(const Template& made, const std::string& source, const tsn::Message& message) {
  constexpr TemplateBudget budget{.output = 16 * 1024, .steps = 20'000};
  const auto once = filled_message(made, message, 1'795'168'800'000'000'000, {true, true}, budget);
  const auto again = filled_message(made, message, 1'795'168'800'000'000'000, {true, true}, budget);
  require(once.text == again.text, "the same in gives the same out");
  require(once.text.size() <= budget.output, "the budget is kept");
  require(!valid_utf8(source) || valid_utf8(once.text), "values are UTF-8");
  for (const auto* ranges : {&once.shorten, &once.optional, &once.texts, &once.kept})
    for (const auto& range : *ranges)
      require(range.begin <= range.end && range.end <= once.text.size(), "ranges lie in the text");
  const auto sms = fitted_sms(once, 2, true);
  require(sms.size() <= 3 * once.text.size() + 3, "fitting does not grow a text beyond its spelling");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto escape = static_cast<Escape>(input.below(9));
  const std::string source = source_of(input.line());
  fuzz::Texts texts(input);
  const tsn::Message message = fuzz::message(texts, input);
  try {
    check(Template(source, escape, message_schema()), source, message);
  } catch (const TemplateError& error) {
    require(error.line > 0 && error.column > 0, "an error has a place");
  }
  return 0;
}
