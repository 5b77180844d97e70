// Promises about "tsn.feedback/1": what is sound arrives whole, what is not is refused with its reason.
#include <gtest/gtest.h>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::text;

class FeedbackService : public testing::WireTest {
 public:
  void SetUp() override {
    make_started();
    service = static_cast<const tsn_feedback_v1*>(host()->service(host(), id(), text("tsn.feedback/1")));
    ASSERT_NE(service, nullptr);
  }
  static tsn_answer acknowledging(std::string_view incident) {
    tsn_answer out{};
    out.size = sizeof out;
    out.kind = TSN_ANSWER_ACKNOWLEDGE;
    out.incident = text(incident);
    return out;
  }
  static tsn_receipt about(std::string_view key) {
    tsn_receipt out{};
    out.size = sizeof out;
    out.state = TSN_RECEIPT_DELIVERED;
    out.key = text(key);
    return out;
  }
  /// "STATUS text"
  std::string answer(const tsn_answer& in, tsn_answered* out = nullptr) {
    return said([&](tsn_err* err) { return service->answer(host(), id(), &in, out, err); });
  }
  std::string receipt(const tsn_receipt& in) {
    return said([&](tsn_err* err) { return service->receipt(host(), id(), &in, err); });
  }
  template <class F>
  static std::string said(F call) {
    tsn_err err{};
    err.size = sizeof err;
    const tsn_status status = call(&err);
    return std::to_string(status) + (err.n > 0 ? " " + std::string(err.msg, err.n) : "");
  }
  const tsn_feedback_v1* service = nullptr;
};

TEST_F(FeedbackService, CarriesAnAnswerWholeAndSaysWhatBecameOfIt) {
  tsn_answer in = acknowledging("1042");
  in.flags = TSN_ANSWER_WHOLE_SERVICE;
  in.id = text("reply-7"), in.key = text("k"), in.address = text("+1"), in.actor = text("ana"), in.way = text("call");
  in.provider_id = {"p-1", 3}, in.ticket = text("OPS-1"), in.ticket_status = text("Open"), in.text = text("notes");
  in.lasts = 60, in.at = 1'700'000'000'000'000'000;
  tsn_answered out{};
  out.size = sizeof out;
  ASSERT_EQ(answer(in, &out), "0");
  EXPECT_EQ(std::string(out.text, out.text_n), "1042 acknowledged by first");
  EXPECT_EQ(out.number, 1042u);
  EXPECT_EQ(out.status, TSN_INC_ACKNOWLEDGED);
  EXPECT_EQ(out.changed, 1u);
  ASSERT_EQ(port_.answers.size(), 1u);
  const model::Answer& got = port_.answers[0];
  EXPECT_EQ(got.kind, model::AnswerKind::acknowledge);
  EXPECT_TRUE(got.whole_service);
  EXPECT_EQ(got.id + got.incident + got.key + got.provider_id + got.ticket, "reply-71042kp-1OPS-1");
  EXPECT_EQ(got.address + got.actor + got.way + got.text + got.ticket_status, "+1anacallnotesOpen");
  EXPECT_EQ(got.lasts.count(), 60);
}

TEST_F(FeedbackService, CarriesAReceiptWhole) {
  tsn_receipt in = about("k-1");
  in.state = TSN_RECEIPT_FAILED, in.detail = text("UNDELIV"), in.provider_id = {"SM1", 3}, in.at = 5;
  ASSERT_EQ(receipt(in), "0");
  ASSERT_EQ(port_.receipts.size(), 1u);
  EXPECT_EQ(port_.receipts[0].instance, "source.wired");
  EXPECT_EQ(port_.receipts[0].state, model::ReceiptState::failed);
  EXPECT_EQ(port_.receipts[0].key + port_.receipts[0].provider_id + port_.receipts[0].detail, "k-1SM1UNDELIV");
  EXPECT_EQ(base::to_ns(port_.receipts[0].at), 5);
}

TEST_F(FeedbackService, RefusesAnswersThatAreNotSound) {
  const auto with = [&](auto change) {
    tsn_answer in = acknowledging("1042");
    change(in);
    return answer(in);
  };
  const std::string longer(1025, 'x'), broken = "\xff";
  EXPECT_EQ(with([](auto& a) { a.kind = 77; }), "-2 answer: this host does not know its kind");
  EXPECT_EQ(with([](auto& a) { a.kind = 257; }), "-2 answer: this host does not know its kind");
  EXPECT_EQ(with([](auto& a) { a.flags = 2; }), "-2 answer: this host does not know one of its flags");
  EXPECT_EQ(with([](auto& a) { a.size = 8; }), "-2 answer: the struct is missing or too small");
  EXPECT_EQ(with([](auto& a) { a.kind = TSN_ANSWER_STATUS, a.status = 9; }), "-2 answer: its status is none");
  EXPECT_EQ(with([&](auto& a) { a.way = text(longer); }), "-2 answer: way has at most 1024 bytes");
  EXPECT_EQ(with([&](auto& a) { a.text = text(broken); }), "-2 answer: text is not UTF-8");
  EXPECT_EQ(with([](auto& a) { a.actor = text("a\nb"); }),
            "-2 answer: actor, address and way hold no control characters");
  EXPECT_EQ(with([](auto& a) { a.id = text("a\nb"); }),
            "-2 answer: id has at most 256 bytes and no control characters");
  EXPECT_EQ(with([](auto& a) { a.ticket_url = text("javascript:alert(1)"); }),
            "-2 answer: ticket_url is no http:// or https:// address");
  EXPECT_EQ(with([](auto& a) { a.lasts = -1; }), "-2 answer: a time is before 1970, or lasts less than nothing");
  EXPECT_EQ(with([](auto& a) { a.incident = {}; }),
            "-2 answer: it names no incident; give its number, a message of it, or its ticket");
  EXPECT_TRUE(with([](auto& a) { a.text = {nullptr, 5}; }).starts_with("-2 answer: a text has a length and no bytes"));
  EXPECT_TRUE(port_.answers.empty());
}

TEST_F(FeedbackService, RefusesReceiptsThatAreNotSound) {
  tsn_receipt none = about("");
  EXPECT_EQ(receipt(none), "-2 receipt: it names no message; give its key, or the provider_id deliver() returned");
  tsn_receipt unknown = about("k");
  unknown.state = 9;
  EXPECT_EQ(receipt(unknown), "-2 receipt: this host does not know its state");
  unknown.state = 0;
  EXPECT_EQ(receipt(unknown), "-2 receipt: its state is one that this host does not know");
  tsn_receipt broken = about("\xff");
  EXPECT_EQ(receipt(broken), "-2 receipt: key is not UTF-8");
  EXPECT_EQ(said([&](tsn_err* err) { return service->receipt(host(), id(), nullptr, err); }),
            "-2 receipt: the struct is missing or too small");
  EXPECT_TRUE(port_.receipts.empty());
}

TEST_F(FeedbackService, WhatIsNotThereIsInvalidAndWhatMayBeLaterIsRetried) {
  port_.refusal = base::Error(base::Fault::not_found, "there is no incident 7");
  EXPECT_EQ(answer(acknowledging("7")), "-2 there is no incident 7");
  port_.refusal = base::Error(base::Fault::conflict, "incident 7 is CLOSED");
  EXPECT_EQ(answer(acknowledging("7")), "-2 incident 7 is CLOSED");
  port_.refusal = base::Error(base::Fault::unavailable, "another agent decides");
  EXPECT_EQ(answer(acknowledging("7")), std::to_string(TSN_RETRY) + " another agent decides");
}

TEST_F(FeedbackService, CutsTheSentenceToTheRoomThereIs) {
  port_.answered.text = std::string(511, 'x') + "é and more";
  tsn_answered out{};
  out.size = sizeof out;
  ASSERT_EQ(answer(acknowledging("1042"), &out), "0");
  EXPECT_EQ(std::string(out.text, out.text_n), std::string(511, 'x'));
  out.size = 8;
  EXPECT_EQ(answer(acknowledging("1042"), &out), "-2 answer: the place for what became of it is too small");
}

TEST_F(FeedbackService, AStructOfANewerPluginIsReadAsFarAsItIsKnown) {
  struct {
    tsn_answer known;
    char more[64];
  } in{acknowledging("1042"), {}};
  in.known.size = sizeof in;
  EXPECT_EQ(answer(in.known), "0");
}

}  // namespace
}  // namespace tocsin::plugin_host
