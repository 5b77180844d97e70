#include "template/template.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "template/fit.hpp"

namespace {

using namespace tocsin_plugins;
using Kind = Datum::Kind;

constexpr Name item_names[] = {{"name"}, {"size", Kind::number}, {"href", Kind::text, {}, Use::address}};
constexpr Name inner_names[] = {{"word"}, {"n", Kind::number}};
constexpr Name names[] = {{"title"},
                          {"text"},
                          {"severity"},
                          {"n", Kind::number, {}, Use::code},
                          {"half", Kind::number},
                          {"none", Kind::number},
                          {"yes", Kind::truth},
                          {"at", Kind::time},
                          {"never", Kind::time},
                          {"url", Kind::text, {}, Use::address},
                          {"labels", Kind::map},
                          {"inner", Kind::object, inner_names},
                          {"items", Kind::list, item_names},
                          {"nothing", Kind::list, item_names}};

Datum item(std::string_view name, double size) {
  Datum out = Datum::of_kind(Kind::object);
  out.set("name", Datum::of(name));
  out.set("size", Datum::of_number(size));
  out.set("href", Datum::of("https://x/1"));
  return out;
}

Datum sample_data(std::string_view title = "a <b> & \"c\"", std::string_view url = "https://x/?a=1&b=2") {
  Datum out = Datum::of_kind(Kind::object), labels = Datum::of_kind(Kind::map), inner = Datum::of_kind(Kind::object);
  out.set("title", Datum::of(title));
  out.set("text", Datum::of("line one\nline two"));
  out.set("severity", Datum::of("HIGH"));
  out.set("n", Datum::of_number(1234567));
  out.set("half", Datum::of_number(0.5));
  out.set("none", Datum::of_number(NAN));
  out.set("yes", Datum::of_truth(true));
  out.set("at", Datum::of_time(1'795'168'800'000'000'000));  // 2026-11-20T10:00:00Z
  out.set("never", Datum::of_time(0));
  out.set("url", Datum::of(url));
  labels.set("team", Datum::of("data"));
  labels.set("k8s.io/name", Datum::of("pod-1"));
  labels.set("app.kubernetes.io", Datum::of("dotted"));
  out.set("labels", std::move(labels));
  inner.set("word", Datum::of("inside"));
  inner.set("n", Datum::of_number(7));
  out.set("inner", std::move(inner));
  Datum items = Datum::of_kind(Kind::list);
  items.items = {item("one", 1), item("two", 2), item("one", 3)};
  out.set("items", std::move(items));
  out.set("nothing", Datum::of_kind(Kind::list));
  return out;
}

std::string filled(std::string_view source, Escape escape = Escape::text, const Datum& with = sample_data()) {
  return Template(source, escape, names).fill(with, 1'795'168'800'000'000'000 + 90'000'000'000).text;
}

std::string refused(std::string_view source, Escape escape = Escape::text) {
  try {
    Template(source, escape, names);
    return "not refused";
  } catch (const TemplateError& error) {
    return error.what();
  }
}

TEST(Template, PutsValuesIn) {
  EXPECT_EQ(filled("{{title}}|{{ inner.word "
                   "}}|{{labels.team}}|{{labels.app.kubernetes.io}}{{labels.k8s.io/name}}|{{n}}|{{half}}|{{yes}}"),
            "a <b> & \"c\"|inside|data|dottedpod-1|1234567|0.5|true");
  EXPECT_EQ(filled("{{at}}|{{never}}|{{none}}|{{labels.no}}|"), "2026-11-20 10:00:00 UTC||||");
  EXPECT_EQ(filled("a {{\"{{\"}} b {{'}}'}}{{! said \"so }}"), "a {{ b }}");
}

TEST(Template, Chooses) {
  EXPECT_EQ(filled("{{#if title}}yes{{else}}no{{/if}}"), "yes");
  EXPECT_EQ(filled("{{#if labels.no}}yes{{else if n > 3}}more{{else}}no{{/if}}"), "more");
  const std::pair<std::string_view, bool> conditions[] = {{"severity == \"HIGH\"", true},
                                                          {"severity != 'HIGH'", false},
                                                          {"severity >= \"MEDIUM\"", true},
                                                          {"severity > \"HIGH\"", false},
                                                          {"n == 1234567", true},
                                                          {"half < 1 and half > 0", true},
                                                          {"none", false},
                                                          {"none < 5", false},
                                                          {"never", false},
                                                          {"at > never", true},
                                                          {"not yes", false},
                                                          {"not not yes", true},
                                                          {"labels.no or labels.team == \"data\"", true},
                                                          {"yes and (labels.no or nothing)", false},
                                                          {"(items | count) == 3", true},
                                                          {"title == text", false},
                                                          {"true", true},
                                                          {"labels.team == \"\"", false}};
  for (const auto& [condition, holds] : conditions)
    EXPECT_EQ(filled("{{#if " + std::string(condition) + "}}1{{/if}}"), holds ? "1" : "") << condition;
}

TEST(Template, Repeats) {
  EXPECT_EQ(filled("{{#each items}}{{index}}:{{name}}={{this.size}}{{#if not last}}, {{/if}}{{/each}}"),
            "1:one=1, 2:two=2, 3:one=3");
  EXPECT_EQ(filled("{{#each items}}{{#if first}}{{title | truncate:3}}{{/if}}{{/each}}"), "a …");
  EXPECT_EQ(filled("{{#each nothing}}x{{else}}none{{/each}}"), "none");
  EXPECT_EQ(filled("{{#each labels}}{{name}}={{value}};{{/each}}"),
            "team=data;k8s.io/name=pod-1;app.kubernetes.io=dotted;");
  EXPECT_EQ(filled("{{#each items.name | unique}}{{this}} {{/each}}"), "one two ");
  EXPECT_EQ(filled("{{#each items}}{{#each labels}}{{#if first}}{{value}}{{n}}{{/if}}{{/each}}{{/each}}"),
            "data1234567data1234567data1234567");
}

TEST(Template, Filters) {
  const std::pair<std::string_view, std::string_view> samples[] = {
      {"inner.word | upper", "INSIDE"},
      {"severity | lower", "high"},
      {"'  a ' | trim", "a"},
      {"labels.no | default:\"x\"", "x"},
      {"labels.no | default:labels.team | upper", "DATA"},
      {"inner.word | truncate:4", "ins…"},
      {"at | date", "2026-11-20"},
      {"at | time:\"+03:00\"", "13:00"},
      {"at | datetime", "2026-11-20 10:00 UTC"},
      {"at | datetime:\"+03:00\"", "2026-11-20 13:00 +03:00"},
      {"never | default:at | time", "10:00"},
      {"never | date", ""},
      {"at | age", "1m"},
      {"items | count", "3"},
      {"labels | count", "3"},
      {"items.name | join", "one, two, one"},
      {"items.name | unique | join:' / '", "one / two"},
      {"labels | join", "team=data, k8s.io/name=pod-1, app.kubernetes.io=dotted"},
      {"half | round", "0"},
      {"half | round:2", "0.50"},
      {"inner | json", R"({"word":"inside","n":7})"},
      {"items.size | json", "[1,2,3]"},
      {"never | json", "null"},
      {"at | json", "\"2026-11-20T10:00:00Z\""},
      {"'a b&c' | url", "a%20b%26c"},
      {"'1042' | digits", "1 0 4 2"},
      {"'done' | sentence", "done."},
      {"'done?' | sentence", "done?"},
      {"labels.no | sentence", ""}};
  for (const auto& [expression, result] : samples)
    EXPECT_EQ(filled("{{" + std::string(expression) + "}}"), result) << expression;
}

TEST(Template, ALineOfATagAloneVanishes) {
  EXPECT_EQ(filled("a\n  {{#if yes}}\nb\n{{else}}\nc\n{{/if}}\n{{! note }}\nd"), "a\nb\nd");
  EXPECT_EQ(filled("{{#each items}}\n- {{name}}\n{{/each}}\n"), "- one\n- two\n- one\n");
  EXPECT_EQ(filled("a {{#if yes}}\nb{{/if}}\nc"), "a \nb\nc");
  EXPECT_EQ(filled("{{#if yes}}\r\nb\r\n{{/if}}\r\n"), "b\n") << "the host's files may have CR LF";
}

TEST(Template, EscapesForWhatItWrites) {
  const auto hostile = sample_data("<a> & \"b\"\n*c*\x1b\u202e");
  EXPECT_EQ(filled("{{title}}", Escape::html, hostile), "&lt;a&gt; &amp; &quot;b&quot;<br>\n*c*");
  EXPECT_EQ(filled("<p title=\"{{title}}\">", Escape::html, hostile),
            "<p title=\"&lt;a&gt; &amp; &quot;b&quot; *c*\">");
  EXPECT_EQ(filled("{\"a\": \"{{title}}\"}", Escape::json, hostile), "{\"a\": \"<a> & \\\"b\\\"\\n*c*\"}");
  EXPECT_EQ(filled("<{{title}}>", Escape::mrkdwn, hostile), "<&lt;a&gt; &amp; \"b\"\n*c*>");
  EXPECT_EQ(filled("t={{title}}", Escape::url, hostile), "t=%3Ca%3E%20%26%20%22b%22%0A%2Ac%2A");
  EXPECT_EQ(filled("<x>{{title}}</x>", Escape::xml, hostile), "<x>&lt;a&gt; &amp; &quot;b&quot;\n*c*</x>");
  EXPECT_EQ(filled("{{title}}", Escape::line, hostile), "<a> & \"b\" *c*");
  EXPECT_EQ(filled("{{title}}", Escape::sms, hostile), "<a> & \"b\" *c*");
  EXPECT_EQ(filled("{{title}} {{n}}", Escape::speech, sample_data("<b>x</b> https://x/y *c* \"d\"")),
            "x c d 1 2 3 4 5 6 7");
  EXPECT_EQ(filled("{{title}}", Escape::text, sample_data("\xff{{n}}")), "\xef\xbf\xbd{{n}}")
      << "a value is not read again";
}

TEST(Template, InHtmlALinkLeadsToTheWeb) {
  EXPECT_EQ(filled("<a href=\"{{url}}\">", Escape::html), "<a href=\"https://x/?a=1&amp;b=2\">");
  for (const char* bad : {"javascript:alert(1)", "data:text/html,x", " javascript:x", "//x", "vbscript:x"}) {
    EXPECT_EQ(filled("<a href='{{url}}'>", Escape::html, sample_data("", bad)), "<a href=''>") << bad;
    EXPECT_EQ(filled("<img SRC = \"{{labels.no}}{{url}}\">", Escape::html, sample_data("", bad)), "<img SRC = \"\">")
        << bad;
  }
  EXPECT_EQ(filled("<a href=\"https://q/?x={{title | url}}\">", Escape::html, sample_data("\"&")),
            "<a href=\"https://q/?x=%22%26\">");
}

TEST(Template, StandsInHtmlOnlyWhereEscapingHelps) {
  for (const char* source : {"<a href={{url}}>", "<{{title}}>", "<p {{title}}>", "<script>x = \"{{title}}\"</script>",
                             "<style>{{title}}</style>", "<!-- {{title}} -->", "<p onclick=\"{{title}}\">",
                             "<p style=\"color:{{title}}\">", "<p class = {{title}}>"})
    EXPECT_NE(refused(source, Escape::html).find("expected "), std::string::npos) << source;
  EXPECT_EQ(filled("<script>1 < 2 && 3</script>{{n}}<!-- <p --> {{n}}", Escape::html),
            "<script>1 < 2 && 3</script>1234567<!-- <p --> 1234567");
  EXPECT_NE(refused("<p {{#if yes}}title=\"{{/if}}\">", Escape::html).find("same place"), std::string::npos);
  EXPECT_EQ(filled("<p {{#if yes}}class=\"{{severity}}\"{{/if}}>1 < 2 {{n}}</p>", Escape::html),
            "<p class=\"HIGH\">1 < 2 1234567</p>");
}

TEST(Template, InJsonOnlyNumbersStandOutsideOfStrings) {
  EXPECT_EQ(filled("{\"n\": {{n}}, \"h\": {{half}}, \"x\": {{none}}, \"y\": {{yes}}, \"l\": {{labels | json}}}",
                   Escape::json),
            "{\"n\": 1234567, \"h\": 0.5, \"x\": null, \"y\": true, \"l\": "
            "{\"team\":\"data\",\"k8s.io/name\":\"pod-1\",\"app.kubernetes.io\":\"dotted\"}}");
  EXPECT_NE(refused("{\"a\": {{title}}}", Escape::json).find("quotes around a text"), std::string::npos);
  EXPECT_NE(refused("{\"a\": \"{{labels | json}}\"}", Escape::json).find("no quotes"), std::string::npos);
  EXPECT_NE(refused("{\"a\": \"\\{{title}}\"}", Escape::json).find("backslash"), std::string::npos);
  EXPECT_NE(refused("{\"a\": \"{{title}}}", Escape::json).find("end of a string"), std::string::npos);
}

TEST(Template, SaysWhereItIsWrongAndWhatWasExpected) {
  const std::pair<std::string_view, std::string_view> samples[] = {
      {"a\nالعربية {{titel}}", "line 2, column 11: there is no \"titel\"; did you mean \"title\"?"},
      {"{{inner.x}}", "line 1, column 3: there is no \"inner.x\"; expected one of word, n"},
      {"{{title | uper}}", "line 1, column 11: there is no filter \"uper\"; did you mean \"upper\"?"},
      {"{{title", "line 1, column 1: expected }} at the end of the tag that begins here"},
      {"{{#if title}}\nx", "line 1, column 3: expected {{/if}} for the {{#if …}} that begins here"},
      {"{{#each items}}{{/if}}", "line 1, column 18: expected {{/each}}, not {{/if}}"},
      {"{{/if}}", "line 1, column 3: expected no {{/if}}: no block is open"},
      {"{{#with x}}", "line 1, column 3: expected {{#if …}}, {{#each …}}, {{#shorten}} or {{#optional}}"},
      {"{{#each title}}{{/each}}", "line 1, column 9: expected a list, such as alerts, links or labels"},
      {"{{items}}", "line 1, column 3: expected a filter join, count or json, or {{#each …}}, for more than one value"},
      {"{{inner}}", "line 1, column 3: expected a name within this group of values, after a point"},
      {"{{{title}}}", "line 1, column 3: expected {{name}}: every value is escaped"},
      {"{{title | truncate}}", "line 1, column 11: expected truncate:N with the most characters as N"},
      {"{{title | date}}", "line 1, column 11: expected a time before the filter date, not a text"},
      {"{{#if title ==}}x{{/if}}", "line 1, column 15: expected a name, a text or a number"},
      {"{{title title}}", "line 1, column 9: expected | or }}, not \"title\""},
      {"{{this.x}}", "line 1, column 3: expected \"this\" inside of {{#each}} only"},
      {"{{title.x}}", "line 1, column 3: expected no \".x\": what stands before it is a text"},
      {"{{#if (title}}x{{/if}}", "line 1, column 13: expected )"},
      {"{{\"abc}}", "line 1, column 1: expected }} at the end of the tag that begins here"},
      {"{{#if yes}}a{{else}}b{{else}}c{{/if}}", "line 1, column 24: expected one {{else}} only"}};
  for (const auto& [source, what] : samples) EXPECT_EQ(refused(source), what) << source;
  EXPECT_NE(refused("{{at | time:\"Mars/Olympus\"}}").find("expected a time zone"), std::string::npos);
  EXPECT_NE(refused(std::string(70'000, 'x')).find("at most"), std::string::npos);
}

TEST(Template, BlocksWithinBlocksHaveAnEnd) {
  std::string source;
  for (int i = 0; i < 40; ++i) source += "{{#if yes}}";
  EXPECT_NE(refused(source).find("fewer blocks"), std::string::npos);
  EXPECT_NE(refused("{{" + std::string(5000, '(') + "}}").find("fewer parentheses"), std::string::npos);
  std::string chain = "{{#if yes}}";
  for (int i = 0; i < 1000; ++i) chain += "{{else if yes}}";
  EXPECT_NE(refused(chain + "{{/if}}").find("fewer {{else if"), std::string::npos);
}

TEST(Template, EndsEarlyBeyondItsBudget) {
  Datum many = sample_data();
  for (auto& list : many.items)
    if (list.kind == Kind::list && !list.items.empty()) list.items.resize(2000, item("x", 1));
  const Template nested("{{#each items}}{{#each items}}{{name}}{{/each}}{{/each}}", Escape::text, names);
  const auto steps = nested.fill(many, 0, {.output = 1 << 30, .steps = 10'000});
  EXPECT_FALSE(steps.whole);
  EXPECT_LE(steps.text.size(), 10'000u);
  const auto bytes = nested.fill(many, 0, {.output = 1000});
  EXPECT_FALSE(bytes.whole);
  EXPECT_EQ(bytes.text.size(), 1000u);
}

TEST(Template, AHugeValueLeavesTheRestItsPlace) {
  const std::string huge(1024 * 1024, 'x');
  const auto out = Template("{{title}}|{{n}}", Escape::text, names).fill(sample_data(huge), 0, {.output = 16 * 1024});
  EXPECT_TRUE(out.whole);
  EXPECT_TRUE(out.text.ends_with("x…|1234567"));
  EXPECT_LE(out.text.size(), 1100u);
}

std::size_t bytes_of(std::string_view text) {
  return text.size();
}

std::string fitted_to(std::size_t most, std::string_view source, const Datum& with = sample_data()) {
  return fitted(Template(source, Escape::sms, names).fill(with, 0), {most, bytes_of, "..."});
}

TEST(TemplateFit, WhatMayBeShortenedIs) {
  const auto with = sample_data("the quick brown fox jumps over the lazy dog");
  const std::string source = "H {{#shorten}}{{title}}{{/shorten}} T{{#optional}} optional{{/optional}}";
  EXPECT_EQ(fitted_to(80, source, with), "H the quick brown fox jumps over the lazy dog T optional");
  EXPECT_EQ(fitted_to(50, source, with), "H the quick brown fox jumps over the... T optional") << "room beside it";
  EXPECT_EQ(fitted_to(16, source, with), "H the quick... T");
  EXPECT_EQ(fitted_to(4, source, with), "H  T");
  EXPECT_EQ(fitted_to(10, "many fixed words and more", with), "many...");
}

TEST(TemplateFit, WithoutABlockTheLongestValueGivesWayAndAddressesStay) {
  const auto with = sample_data("the quick brown fox jumps over the lazy dog");
  EXPECT_EQ(fitted_to(50, "{{severity}} {{title}}\nAck: {{url}}", with),
            "HIGH the quick brown...\nAck: https://x/?a=1&b=2");
  EXPECT_EQ(fitted_to(40, "many fixed words and more\nAck: {{url}}", with), "many fixed...\nAck: https://x/?a=1&b=2")
      << "the line of an address is the last to go";
}

TEST(TemplateFit, InMrkdwnNoEntityAndNoLinkIsCut) {
  const std::string brackets(40, '<');
  const Template text("*{{title}}* <{{url}}|open>", Escape::mrkdwn, names);
  for (std::size_t most = 40; most < 80; ++most) {
    const auto out = fitted_mrkdwn(text.fill(sample_data(brackets), 0), most);
    EXPECT_LE(out.size(), most + 2) << "the ellipsis has three bytes and counts one";
    EXPECT_TRUE(out.ends_with(";…* <https://x/?a=1&amp;b=2|open>")) << out;
  }
}

TEST(TemplateFit, AnSmsOfDashesKeepsItsPlaces) {
  const auto with = sample_data(
      "– the – quick – brown – fox – jumps – over – the – lazy – dog – the – quick – brown – fox – jumps – "
      "over – the – lazy – dog – the – quick – brown – fox –");
  const auto text = fitted_sms(Template("“{{title}}” [{{n}}]", Escape::sms, names).fill(with, 0), 1, true);
  EXPECT_TRUE(text.starts_with("\"- the - quick - brown")) << text;
  EXPECT_TRUE(text.ends_with("...\" [1234567]")) << text;
  EXPECT_LE(text.size(), 158u) << "brackets cost two";
}

}  // namespace
