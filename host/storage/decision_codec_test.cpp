#include "storage/decision_codec.hpp"

#include <gtest/gtest.h>

#include <boost/pfr.hpp>
#include <cstring>

namespace tocsin::storage {
namespace {

/// Gives every member at every depth a value of its own, two to every list.
class DecisionFiller {
 public:
  template <class T>
  void fill(T& to) {
    if constexpr (std::is_same_v<T, bool>)
      to = true;
    else if constexpr (std::is_enum_v<T>)
      to = static_cast<T>(1);
    else if constexpr (std::is_arithmetic_v<T>)
      to = static_cast<T>(++last_ % 100);
    else if constexpr (std::is_same_v<T, base::Time>)
      to = base::from_ns(++last_);
    else if constexpr (std::is_same_v<T, base::Duration>)
      to = base::Duration(++last_);
    else if constexpr (std::is_same_v<T, model::Labels>)
      to = {{"label" + std::to_string(++last_), "a\"b"}, {"other", std::to_string(++last_)}};
    else
      boost::pfr::for_each_field(to, [this](auto& member) { fill(member); });
  }
  void fill(std::string& to) { to = "text " + std::to_string(++last_) + std::string("\0\xff\n", 3); }
  void fill(model::Matcher& to) {
    to = *model::Matcher::make("l", model::MatchOp::match, "a.*" + std::to_string(++last_));
  }
  void fill(std::vector<model::Matcher>& to) { to = {*model::Matcher::make("l", model::MatchOp::not_equal, "v")}; }
  void fill(std::map<std::string, std::string>& to) { to = {{"k", "v"}, {"k2", "v2"}}; }
  void fill(std::shared_ptr<const std::string>& to) { to = std::make_shared<const std::string>("bytes\0", 6); }
  void fill(std::pair<std::string, std::string>& to) { fill(to.first), fill(to.second); }
  template <class T>
  void fill(std::vector<T>& to) {
    to.resize(2);
    for (T& each : to) fill(each);
  }

 private:
  std::int64_t last_ = 0;
};

model::Changes filled_decision() {
  model::Changes changes;
  DecisionFiller().fill(changes);
  return changes;
}

std::string bytes_of(const std::vector<model::Changes>& decisions, const IncidentNumbers& numbers = {}) {
  std::vector<const model::Changes*> all;
  for (const auto& each : decisions) all.push_back(&each);
  std::string out;
  encode(numbers, all, out);
  return out;
}

TEST(DecisionCodec, EveryMemberComesBack) {
  const std::string bytes = bytes_of({filled_decision(), {}});
  const auto back = decode_decisions(bytes);
  ASSERT_TRUE(back) << back.error().message();
  ASSERT_EQ(back->size(), 2u);
  EXPECT_TRUE((*back)[1].empty());
  EXPECT_EQ(bytes_of(*back), bytes);
  EXPECT_EQ((*back)[0].silences[1].except[0].text(), "l!=\"v\"");
  EXPECT_EQ(*(*back)[0].attachments[0].content, std::string("bytes\0", 6));
}

TEST(DecisionCodec, GivesIncidentsTheNumbersTheyLack) {
  model::Changes changes;
  changes.incidents.resize(2);
  changes.incidents[0].correlation_id = "new";
  changes.incidents[1].correlation_id = "known";
  changes.incidents[1].number = 7;
  const auto back = decode_decisions(bytes_of({changes}, {{"new", 1001}, {"known", 9}}));
  ASSERT_TRUE(back);
  EXPECT_EQ((*back)[0].incidents[0].number, 1001u);
  EXPECT_EQ((*back)[0].incidents[1].number, 7u);
}

/// A log that another version left behind: a struct that ends early, or goes on.
TEST(DecisionCodec, ReadsAStructWithFewerAndWithMoreMembers) {
  model::Changes changes;
  changes.provider_refs.push_back({"slack", "#ops", "i-1", "ts"});
  const std::string bytes = bytes_of({changes});
  const auto length_of = [](const std::string& text, std::size_t at) {
    std::uint32_t n = 0;
    std::memcpy(&n, text.data() + at, sizeof n);
    return n;
  };
  const auto grow = [&](std::string& text, std::size_t at, int by) {
    const std::uint32_t n = length_of(text, at) + static_cast<std::uint32_t>(by);
    std::memcpy(text.data() + at, &n, sizeof n);
  };
  constexpr std::size_t decision_at = 8;  // behind the counts of numbers and decisions
  const std::size_t ref_at = bytes.find("slack") - 8, id_at = bytes.find("ts") - 4;
  std::string fewer = bytes, more = bytes;
  fewer.erase(id_at, 6);
  grow(fewer, ref_at, -6), grow(fewer, decision_at, -6);
  more.insert(id_at + 6, "later");
  grow(more, ref_at, 5), grow(more, decision_at, 5);
  const auto less = decode_decisions(fewer), plus = decode_decisions(more);
  ASSERT_TRUE(less && plus);
  EXPECT_EQ((*less)[0].provider_refs.at(0).correlation_id, "i-1");
  EXPECT_EQ((*less)[0].provider_refs.at(0).provider_id, "");
  EXPECT_EQ((*plus)[0].provider_refs.at(0).provider_id, "ts");
}

TEST(DecisionCodec, RefusesWhatIsCutAnywhere) {
  const std::string bytes = bytes_of({filled_decision()});
  for (std::size_t n = 0; n < bytes.size(); n += 1 + n / 16)
    EXPECT_FALSE(decode_decisions(std::string_view(bytes).substr(0, n))) << n;
  EXPECT_FALSE(decode_decisions(bytes + "x"));
}

/// Damage that its checksum does not show must not take the process along.
TEST(DecisionCodec, LivesThroughAnyFlippedByte) {
  const std::string bytes = bytes_of({filled_decision()});
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(~damaged[i]);
    (void)decode_decisions(damaged);
  }
}

/// What logs of earlier versions hold. A member may be added at the end of its struct; anything else needs a reader of
/// the old form beside the new one.
TEST(DecisionCodec, KeepsTheShapeThatLogsHave) {
  EXPECT_EQ(
      shape_of_changes(),
      "{bool,"
      "u64,"
      "[{text,text,u64,u8,u8,u8,labels,labels,labels,[{text,text}],real,real,time,time,time,time,time,bool,bool,"
      "{text,u64,u64},text,text,text,bool,time,time,bool,text}],"
      "[{u64,text,text,text,u8,u8,u8,text,text,text,text,text,text,text,text,real,real,text,text,text,text,labels,"
      "[text],[{text,text}],text,bool,time,time,time,time,time,time,text,time,time,text,[text]}],"
      "[{text,time,text,text,text,text,text}],"
      "[{text,{text,text,u64,u8,u8,u8,labels,labels,labels,[{text,text}],real,real,time,time,time,time,time,bool,"
      "bool,{text,u64,u64},text,text,text,bool,time,time,bool,text}}],"
      "[{u64,text,text,text,text,text,u64,time,text?}],"
      "[{text,text,bool,u8,u32,text,text,text,text,text,text,text,labels,{u64,text,text,text,u8,u8,u8,text,text,"
      "text,text,text,text,text,text,real,real,text,text,text,text,labels,[text],[{text,text}],text,bool,time,time,"
      "time,time,time,time,text,time,time,text,[text]},[{text,text,u64,u8,u8,u8,labels,labels,labels,[{text,text}],"
      "real,real,time,time,time,time,time,bool,bool,{text,u64,u64},text,text,text,bool,time,time,bool,text}],text,"
      "text,text,text,bool,bool,u8,u32,bool,time,time,time,text,text}],"
      "[{text,text,text,text,text,text,time,time,text,text,u32}],"
      "[{u8,text,text,text,text,time}],"
      "[{text,text,text,text}],"
      "[{text,text,text,text,text,text,time}],"
      "[{u64,time,text,text,text,text,{text,text,bool,u8,u32,text,text,text,text,text,text,text,labels,{u64,text,"
      "text,text,u8,u8,u8,text,text,text,text,text,text,text,text,real,real,text,text,text,text,labels,[text],[{text,"
      "text}],text,bool,time,time,time,time,time,time,text,time,time,text,[text]},[{text,text,u64,u8,u8,u8,labels,"
      "labels,labels,[{text,text}],real,real,time,time,time,time,time,bool,bool,{text,u64,u64},text,text,text,bool,"
      "time,time,bool,text}],text,text,text,text,bool,bool,u8,u32,bool,time,time,time,text,text}}],"
      "[u64],"
      "[{text,labels,time,time,[u64],[u64],[{text,text,u64,u8,u8,u8,labels,labels,labels,[{text,text}],real,real,"
      "time,time,time,time,time,bool,bool,{text,u64,u64},text,text,text,bool,time,time,bool,text}],bool,[u64],[u64],"
      "[u64]}],"
      "[{text,[[text]],[span],u32,u32,i32,[text],time,bool}],"
      "[{text,[matcher],[matcher],time,time,time,text,text,[text:text],{text,span,text},bool,bool,text,bool,bool}],"
      "[{text,text,text,time,time,time,text,bool}],"
      "[{time,u8,u64,text,text,labels,u32,[u64],text,text,text,text,text,text,time,text,text}],"
      "[{text,u8,time,i32,span,text}],"
      "[{i64,text,time,real,real,bool,text,u64}],"
      "[{text,text,u64,u8,u8,u8,labels,labels,labels,[{text,text}],real,real,time,time,time,time,time,bool,bool,"
      "{text,u64,u64},text,text,text,bool,time,time,bool,text}],"
      "[u64],"
      "[text:text]}");
}

}  // namespace
}  // namespace tocsin::storage
