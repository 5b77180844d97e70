#include "exposition.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tocsin_plugins::scrape {
namespace {

using Format = Exposition::Format;
using Next = Exposition::Next;

struct Read {
  std::vector<Sample> samples;
  std::string error;  ///< empty: the text was read to its end
};

Read read(std::string_view text, Format format = Format::text) {
  Read made;
  Exposition from(text, format);
  for (Sample sample;;) {
    const auto next = from.next(sample);
    if (next == Next::sample) made.samples.push_back(sample);
    if (next == Next::error) made.error = from.error();
    if (next != Next::sample) return made;
  }
}

TEST(TextFormat, ReadsNamesLabelsValuesAndTimestamps) {
  const auto r = read(
      "# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n"
      "http_requests_total{method=\"post\",code=\"200\"} 1027 1795168800000\n\n"
      "up 1\n  \nspaced { a = \"b\" , } \t -2.5e3 \n  # a comment");
  EXPECT_EQ(r.error, "");
  ASSERT_EQ(r.samples.size(), 3u);
  EXPECT_EQ(r.samples[0].name, "http_requests_total");
  EXPECT_EQ(r.samples[0].series, "http_requests_total{method=\"post\",code=\"200\"}");
  EXPECT_EQ(r.samples[0].value, 1027);
  EXPECT_EQ(r.samples[0].at, 1'795'168'800'000'000'000);
  EXPECT_EQ(r.samples[1].series, "up");
  EXPECT_FALSE(r.samples[1].at);
  EXPECT_EQ(r.samples[2].value, -2500);
  Labels labels;
  ASSERT_TRUE(read_labels(r.samples[2].labels, labels));
  EXPECT_EQ(labels, (Labels{{"a", "b"}}));
}

TEST(TextFormat, ReadsNumbersAsPrometheusDoes) {
  const auto r = read("a NaN\na +Inf\na -inf\na infinity\na 1e-400\na .5\na +1\na 1.\n");
  ASSERT_EQ(r.samples.size(), 8u) << r.error;
  EXPECT_TRUE(std::isnan(r.samples[0].value));
  EXPECT_EQ(r.samples[1].value, INFINITY);
  EXPECT_EQ(r.samples[2].value, -INFINITY);
  EXPECT_EQ(r.samples[4].value, 0);
  for (const char* bad :
       {"a 0x10\n", "a 1_000\n", "a 1e999\n", "a one\n", "a\n", "a +-1\n", "a +nan\n", "a -nan\n", "a 1x\n", "a \n"})
    EXPECT_NE(read(bad).error, "") << bad;
}

TEST(TextFormat, UndoesTheEscapesOfLabels) {
  const auto r = read(R"(a{x="C:\\DIR\nq\"uoted\" \t",y="}, \\"} 1)");
  ASSERT_EQ(r.samples.size(), 1u) << r.error;
  Labels labels;
  ASSERT_TRUE(read_labels(r.samples[0].labels, labels));
  EXPECT_EQ(labels, (Labels{{"x", "C:\\DIR\nq\"uoted\" \\t"}, {"y", "}, \\"}}));
}

TEST(TextFormat, SaysTheLineOfAMistake) {
  const std::pair<const char*, const char*> wrong[] = {{"a 1\n1a 2\n", "line 2: expected the name"},
                                                       {"a{b} 1\n", "line 1: expected = "},
                                                       {"a{b=c} 1\n", "line 1: expected the value"},
                                                       {"a{b=\"c} 1\n", "line 1: the value of a label has no closing"},
                                                       {"a{b=\"c\"", "line 1: expected , or }"},
                                                       {"a 1 now\n", "line 1: the timestamp"},
                                                       {"a 1 1.5\n", "line 1: the timestamp"},
                                                       {"a 1 2 3\n", "line 1: expected the end"},
                                                       {"<html>\n", "line 1: expected the name"},
                                                       {"a 1\r\n", "line 1: the value"},
                                                       {"a{1b=\"c\"} 1\n", "line 1: expected the name of a label"},
                                                       {"# TYPE a foo\n", "line 1: the type"}};
  for (const auto& [text, part] : wrong) EXPECT_TRUE(read(text).error.starts_with(part)) << text << read(text).error;
}

// Both lists are Prometheus' own verdicts (2.42).
TEST(TextFormat, TakesWhatPrometheusTakes) {
  for (const char* good : {"a+1\n", "a{x=\"1\"}1\n", "a{x=\"1\n2\"} 1\n", "a{x=\"1\" y=\"2\"} 1\n",
                           "a {x= \"1\" ,} 1 \n", "  # TYPE a counter\n", "# TYPE\na 1\n", "#\tTYPE\ta\tcounter\na 1",
                           "# HELP a\n", "# HELPa 1a\n", "#TYPE a foo\n", "#\n", "  \n", "a 1 5 \n"})
    EXPECT_EQ(read(good).error, "") << good;
}
TEST(TextFormat, RefusesWhatPrometheusRefuses) {
  for (const char* bad : {"  a 1\n", "\ta 1\n", "a 1 -5\n", "# TYPE a\n", "# TYPE  a  counter\n", "# TYPE a counter \n",
                          "# TYPE a unknown\n", "# TYPE 1a counter\n", "# HELP 1a x\n", "a{,x=\"1\"} 1\n",
                          "a{x=\"1\",,y=\"2\"} 1\n", "a 1 99999999999999999999\n"})
    EXPECT_NE(read(bad).error, "") << bad;
}
TEST(OpenMetrics, TakesAndRefusesWhatPrometheusDoes) {
  for (const char* good : {"# UNIT a \n# EOF\n", "# UNIT a_s s\n# EOF\n", "# HELP a \n# EOF\n", "a 1 1e3\n# EOF\n",
                           "a 1 -5.5\n# EOF\n", "a{} 1\n# EOF\n", "a_total 1 # {x=\"1\",y=\"2\"} 1 5\n# EOF\n"})
    EXPECT_EQ(read(good, Format::openmetrics).error, "") << good;
  for (const char* bad :
       {"# TYPE a foo\n# EOF\n", "# TYPE a \n# EOF\n", "# UNIT a s\n# EOF\n", "# HELP a\n# EOF\n",
        "a{x=\"1\",} 1\n# EOF\n", "a{x=\"1\"}1\n# EOF\n", "a\t1\n# EOF\n", "a 1 \n# EOF\n", "a 1 # {} 1\n# EOF\n",
        "a_total 1 # {x=\"1\"} 1 2 3\n# EOF\n", "a_total 1 #{} 1\n# EOF\n", "a 1\n# EOF\n\n", "a{,x=\"1\"} 1\n# EOF\n"})
    EXPECT_NE(read(bad, Format::openmetrics).error, "") << bad;
}

TEST(TextFormat, KnowsLabelsThatCannotBe) {
  Labels labels;
  EXPECT_FALSE(read_labels(R"(a="1",a="2")", labels));
  EXPECT_FALSE(read_labels(R"(__name__="x")", labels));
  EXPECT_FALSE(read_labels("a=\"\xff\"", labels));
  EXPECT_TRUE(read_labels("", labels));
}

TEST(OpenMetrics, ReadsItsExample) {
  const auto r = read(
      "# TYPE foo counter\n# UNIT foo_seconds seconds\n# HELP foo a\n"
      "foo_total{a=\"b\"} 17.0 1520879607.789 # {id=\"counter-test\"} 5\n"
      "foo_created 1520430000.123\nh_bucket{le=\"+Inf\"} 3 # {} 0.67 1520879607.7\n# EOF\n",
      Format::openmetrics);
  EXPECT_EQ(r.error, "");
  ASSERT_EQ(r.samples.size(), 3u);
  EXPECT_EQ(r.samples[0].name, "foo_total");
  EXPECT_EQ(r.samples[0].value, 17);
  EXPECT_EQ(r.samples[0].at, 1'520'879'607'789'000'000);
  EXPECT_EQ(r.samples[1].value, 1520430000.123);
  EXPECT_EQ(r.samples[2].series, "h_bucket{le=\"+Inf\"}");
}

TEST(OpenMetrics, IsWholeOrNothing) {
  for (const char* bad :
       {"", "a 1\n", "a 1\n# EOF\na 2\n", "a 1\n\n# EOF\n", "a 1", "# comment\n# EOF\n", "a  1\n# EOF\n",
        "a 1 NaN\n# EOF\n", "a{b=\"c\" } 1\n# EOF\n", "a 1 # 5\n# EOF\n", "a 1 # {a=\"b\"}\n# EOF\n"})
    EXPECT_NE(read(bad, Format::openmetrics).error, "") << bad;
  EXPECT_EQ(read("# EOF", Format::openmetrics).error, "");
}

TEST(Exposition, KnowsItsFormatByTheContentType) {
  EXPECT_EQ(Exposition::format_of("application/openmetrics-text; version=1.0.0; charset=utf-8"), Format::openmetrics);
  EXPECT_EQ(Exposition::format_of("Application/OpenMetrics-Text;version=1.0.0"), Format::openmetrics);
  for (const char* type : {"text/plain; version=0.0.4", "", "text/html", "application/json"})
    EXPECT_EQ(Exposition::format_of(type), Format::text) << type;
}

TEST(Exposition, SurvivesEveryTruncation) {
  const std::string whole = "# TYPE a counter\na_total{b=\"c\\\"d\",e=\"f\"} 1.5 12 # {g=\"h\"} 3 4\n# EOF\n";
  for (std::size_t n = 0; n < whole.size(); ++n)
    for (const auto format : {Format::text, Format::openmetrics})
      EXPECT_NO_THROW(read(whole.substr(0, n), format)) << n;
}

}  // namespace
}  // namespace tocsin_plugins::scrape
