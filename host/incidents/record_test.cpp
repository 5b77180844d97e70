// Promises about what people add to an incident: tags, links, files.
#include <gtest/gtest.h>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

class Record : public ::testing::Test {
 protected:
  Record() { w.fire({{"alertname", "A"}}); }
  std::string tag(const std::vector<std::string>& add, const std::vector<std::string>& remove = {}) {
    return w.act(w.desk->tag("1001", add, remove, "alice", w.now()));
  }
  std::string link(const std::string& text, const std::string& href) {
    return w.act(w.desk->link("1001", {text, href}, "alice", w.now()));
  }
  World w{routing()};
};

TEST_F(Record, TagsAreAddedAndRemovedWithOldAndNewInTheTimeline) {
  EXPECT_EQ(tag({"night", " etl "}), "");
  EXPECT_EQ(w.history(1), (Told{"tags by alice:  → night, etl"}));
  EXPECT_EQ(tag({"night", "db"}, {"etl"}), "");
  EXPECT_EQ(w.only().tags, (std::vector<std::string>{"night", "db"}));
  EXPECT_EQ(w.history(1), (Told{"tags by alice: night, etl → night, db"}));
}

TEST_F(Record, ATagThatIsThereChangesNothing) {
  tag({"night"});
  const std::size_t entries = w.store.timeline.size();
  EXPECT_EQ(tag({"night"}, {"never"}), "");
  EXPECT_EQ(w.store.timeline.size(), entries);
}

TEST_F(Record, RefusesTagsThatBreakLists) {
  for (const std::string& bad : {std::string(), std::string("a,b"), std::string("a\nb"), std::string("a\"b"),
                                 std::string(65, 'x'), std::string("\xff")}) {
    EXPECT_NE(tag({"good", bad}), "");
  }
  EXPECT_TRUE(w.only().tags.empty()) << "all of them, or none";
}

TEST_F(Record, ALinkIsAnAddressOfTheWeb) {
  EXPECT_EQ(link("Board", "https://grafana/d/1"), "");
  EXPECT_EQ(link("", "http://logs/x"), "");
  EXPECT_EQ(w.only().links[1].text, "http://logs/x");
  for (const char* bad : {"javascript:alert(1)", "ftp://x", "//x", "", "https://a b", "https://a\nb"}) {
    EXPECT_NE(link("x", bad), "") << bad;
  }
  EXPECT_EQ(w.only().links.size(), 2u);
}

TEST_F(Record, TheSameLinkIsRenamedNotDoubled) {
  link("Board", "https://grafana/d/1");
  link("Panel", "https://grafana/d/1");
  ASSERT_EQ(w.only().links.size(), 1u);
  EXPECT_EQ(w.history(1), (Told{"link by alice: Board https://grafana/d/1 → Panel https://grafana/d/1"}));
}

TEST_F(Record, AFileIsKeptWithItsIncidentAndSaidInTheTimeline) {
  model::Attachment file;
  file.name = "a.log";
  file.content_type = "text/plain; charset=utf-8";
  file.content = std::make_shared<const std::string>("hello");
  file.size = 5;
  EXPECT_EQ(w.act(w.desk->attach("1001", file, "alice", w.now())), "");
  ASSERT_EQ(w.last.attachments.size(), 1u);
  EXPECT_EQ(w.last.attachments[0].correlation_id, w.only().correlation_id);
  EXPECT_FALSE(w.last.attachments[0].key.empty());
  EXPECT_EQ(w.history(1), (Told{"attachment by alice:  → a.log"}));
}

TEST_F(Record, AnIncidentMadeByHandIsCheckedToo) {
  Incident made;
  made.title = "x";
  made.severity = Severity::high;
  made.links = {{"x", "javascript:alert(1)"}};
  EXPECT_FALSE(w.desk->create(made, "alice", w.now()));
  made.links.clear();
  made.tags = {"a,b"};
  EXPECT_FALSE(w.desk->create(made, "alice", w.now()));
}

}  // namespace
}  // namespace tocsin::incidents::testing
