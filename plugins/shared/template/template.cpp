#include "template/template.hpp"

#include <algorithm>

#include "template/expression.hpp"
#include "template/filler.hpp"
#include "template/program.hpp"
#include "template/scanner.hpp"

namespace tocsin_plugins {
namespace {

using Kind = Datum::Kind;

constexpr Name entry_of_map[] = {{"name"}, {"value"}};

std::string opening_of(const std::string& word) {
  return "{{#" + word + "}}";
}

class Compiler {
 public:
  Compiler(std::string_view source, Escape escape, Schema schema)
      : source_(source), escape_(escape), scraps_(scraps_of(source)), place_(escape), scopes_{{schema}} {}
  std::vector<Piece> compile() {
    auto out = pieces("");
    if (escape_ == Escape::json && place_.in_string())
      template_error(source_, source_.size(), "expected \" at the end of a string");
    return out;
  }

 private:
  /// Up to the end of the block `open`, or of the source.
  std::vector<Piece> pieces(const std::string& open) {
    std::vector<Piece> out;
    while (next_ < scraps_.size()) {
      const Scrap scrap = scraps_[next_];
      if (!scrap.tag) {
        ++next_;
        place_.literal(scrap.text);
        std::string text(scrap.text);
        std::erase(text, '\r');
        if (!text.empty()) out.push_back({Piece::Kind::literal, std::move(text)});
        continue;
      }
      if (scrap.text.starts_with('!')) {
        ++next_;
        continue;
      }
      const auto words = words_of(source_, scrap);
      const bool ends = words[0].text == "/" || (words[0].kind == TagWord::Kind::name && words[0].text == "else");
      if (ends && !open.empty()) return out;
      if (ends) template_error(source_, scrap.at, "expected no {{" + std::string(scrap.text) + "}}: no block is open");
      ++next_;
      out.push_back(words[0].text == "#" && words[0].kind == TagWord::Kind::sign ? block(scrap, words)
                                                                                 : value(scrap, words));
    }
    return out;
  }

  Piece value(const Scrap& scrap, const std::vector<TagWord>& words) {
    if (words[0].kind == TagWord::Kind::sign && (words[0].text == "{" || words[0].text == "&"))
      template_error(source_, scrap.at, "expected {{name}}: every value is escaped");
    Piece made{Piece::Kind::value};
    made.expression = ExpressionReader(source_, words, 0, scopes_).whole();
    const auto& expression = made.expression;
    const bool json = expression.op == Expression::Op::filter && expression.filter == FilterId::json;
    if (!json && (expression.kind == Kind::list || expression.kind == Kind::map))
      template_error(source_, scrap.at,
                     "expected a filter join, count or json, or {{#each …}}, for more than one value");
    if (!json && expression.kind == Kind::object)
      template_error(source_, scrap.at, "expected a name within this group of values, after a point");
    if (const auto why = place_.refusal(); !why.empty()) template_error(source_, scrap.at, "expected " + why);
    made.place = place_.value();
    if (escape_ == Escape::json) check_json(scrap, expression, json, made.place);
    return made;
  }

  void check_json(const Scrap& scrap, const Expression& expression, bool json, ValuePlace place) {
    const bool bare = place == ValuePlace::bare;
    if (bare && !json && expression.kind != Kind::number && expression.kind != Kind::truth)
      template_error(source_, scrap.at, "expected quotes around a text: \"{{…}}\", or the filter json: {{… | json}}");
    if (!bare && json)
      template_error(source_, scrap.at, "expected no quotes around {{… | json}}: the filter writes them");
  }

  Piece block(const Scrap& scrap, const std::vector<TagWord>& words) {
    const std::string name = words[1].kind == TagWord::Kind::name ? words[1].text : "";
    if (++depth_ > Template::most_depth) template_error(source_, scrap.at, "expected fewer blocks within blocks");
    Piece made;
    if (name == "if")
      made = branch(scrap, words, 2);
    else if (name == "each")
      made = loop(scrap, words);
    else if (name == "shorten" || name == "optional")
      made = mark(scrap, words, name);
    else
      template_error(source_, scrap.at, "expected {{#if …}}, {{#each …}}, {{#shorten}} or {{#optional}}");
    --depth_;
    return made;
  }

  Piece branch(const Scrap& scrap, const std::vector<TagWord>& words, std::size_t from) {
    Piece made{Piece::Kind::branch};
    made.expression = ExpressionReader(source_, words, from, scopes_).whole();
    const PlaceReader before = place_;
    made.body = pieces("if");
    auto end = ending(scrap, "if", before);
    if (end.empty()) return made;
    if (end.size() > 2) {  // else if
      if (end[1].text != "if") template_error(source_, end[1].at, "expected {{else}} or {{else if …}}");
      if (++chained_ > 100) template_error(source_, end[1].at, "expected fewer {{else if …}}");
      made.otherwise.push_back(branch(scrap, end, 2));
      return made;
    }
    made.otherwise = pieces("if");
    if (const auto again = ending(scrap, "if", before); !again.empty())
      template_error(source_, again[0].at, "expected one {{else}} only");
    return made;
  }

  Piece loop(const Scrap& scrap, const std::vector<TagWord>& words) {
    Piece made{Piece::Kind::each};
    made.expression = ExpressionReader(source_, words, 2, scopes_).whole();
    const auto kind = made.expression.kind;
    if (kind != Kind::list && kind != Kind::map)
      template_error(source_, words[2].at, "expected a list, such as alerts, links or labels");
    const bool texts = kind == Kind::list && made.expression.members.empty();
    TemplateScope scope{kind == Kind::map ? Schema(entry_of_map) : made.expression.members,
                        texts ? Kind::text : Kind::object, true};
    const PlaceReader before = place_;
    scopes_.push_back(scope);
    made.body = pieces("each");
    scopes_.pop_back();
    if (const auto end = ending(scrap, "each", before); !end.empty()) {
      if (end.size() > 2) template_error(source_, end[1].at, "expected {{else}} or {{/each}}");
      made.otherwise = pieces("each");
      if (const auto again = ending(scrap, "each", before); !again.empty())
        template_error(source_, again[0].at, "expected one {{else}} only");
    }
    return made;
  }

  Piece mark(const Scrap& scrap, const std::vector<TagWord>& words, const std::string& name) {
    if (words[2].kind != TagWord::Kind::end) template_error(source_, words[2].at, "expected {{#" + name + "}} alone");
    if (marked_ || scopes_.size() > 1)
      template_error(source_, scrap.at, "expected {{#" + name + "}} outside of loops and of another such block");
    marked_ = true;
    Piece made{name == "shorten" ? Piece::Kind::shorten : Piece::Kind::optional};
    const PlaceReader before = place_;
    made.body = pieces(name);
    if (!ending(scrap, name, before).empty())
      template_error(source_, scrap.at, "expected no {{else}} in {{#" + name + "}}");
    marked_ = false;
    return made;
  }

  /// Takes the tag that ends a list of pieces: the words of an else, or none for the end of the block.
  std::vector<TagWord> ending(const Scrap& begin, const std::string& name, const PlaceReader& before) {
    if (next_ == scraps_.size())
      template_error(source_, begin.at,
                     "expected {{/" + name + "}} for the " + opening_of(name + " …") + " that begins here");
    const Scrap scrap = scraps_[next_++];
    auto words = words_of(source_, scrap);
    if (!place_.same_as(before))
      template_error(source_, scrap.at,
                     "expected the end of a block at the same place of " +
                         std::string(escape_ == Escape::json ? "JSON" : "HTML") + " as its beginning: it begins " +
                         std::string(before.name()) + " and ends " + std::string(place_.name()));
    place_ = before;  // what the block wrote may be left out
    if (words[0].text == "else") return words;
    if (words.size() != 3 || words[1].text != name)
      template_error(source_, scrap.at,
                     "expected {{/" + name + "}}, not {{" + std::string(scrap.text.substr(0, 40)) + "}}");
    return {};
  }

  std::string_view source_;
  Escape escape_;
  std::vector<Scrap> scraps_;
  PlaceReader place_;
  std::vector<TemplateScope> scopes_;
  std::size_t next_ = 0, depth_ = 0, chained_ = 0;
  bool marked_ = false;
};

}  // namespace

struct Template::Program {
  std::vector<Piece> pieces;
};

Template::Template(std::string_view source, Escape escape, Schema schema) : escape_(escape) {
  if (source.size() > most_bytes)
    throw TemplateError(
        1, 1,
        "expected at most " + std::to_string(most_bytes) + " bytes of template, not " + std::to_string(source.size()));
  program_ = std::make_unique<const Program>(Program{Compiler(source, escape, schema).compile()});
}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

Filled Template::fill(const Datum& data, std::int64_t now, const TemplateBudget& budget) const {
  return Filler(escape_, now, budget).fill(program_->pieces, data);
}

}  // namespace tocsin_plugins
