// Questions of rules: asked through a box that the plugin fills until its call is completed.
#include <algorithm>
#include <future>
#include <mutex>
#include <set>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"
#include "plugin_host/instance_core.hpp"
#include "plugin_host/value_view.hpp"

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;
using base::Result;

namespace {

constexpr std::uint32_t most_labels = 64;
constexpr std::size_t most_label_bytes = 1024;

/// Rows under way. Any thread; neither copied nor moved: the plugin holds its address. It owns the question too, which
/// outlives a plugin that answers late.
class QueryBox {
 public:
  QueryBox(const base::Value& table, std::uint32_t most_rows, base::Time at) : table_(table), view_(table_), at_(at) {
    question_ = {sizeof question_, most_rows, view_.root(), base::to_ns(at)};
    abi_ = {sizeof abi_, 0, this, &add};
  }
  QueryBox(const QueryBox&) = delete;
  QueryBox& operator=(const QueryBox&) = delete;

  const tsn_query* question() const { return &question_; }
  tsn_query_rows* abi() { return &abi_; }

  /// What was filled, or why it is no answer; later rows are ignored.
  Result<model::RuleAnswer> close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    if (too_many_) {
      return fail(Fault::exhausted, "the answer has more than " + std::to_string(question_.max_rows) +
                                        " rows; ask for fewer, for instance with a condition or a sum");
    }
    if (!defect_.empty()) return fail(Fault::invalid, defect_);
    return std::move(answer_);
  }

 private:
  static tsn_status add(tsn_query_rows* rows, const tsn_label* labels, std::uint32_t count, double value,
                        std::int64_t ts) {
    if (rows == nullptr || rows->ctx == nullptr) return TSN_INVALID;
    return static_cast<QueryBox*>(rows->ctx)->take(labels, count, value, ts);
  }

  tsn_status take(const tsn_label* labels, std::uint32_t count, double value, std::int64_t ts) {
    std::lock_guard lock(mutex_);
    if (closed_) return TSN_CANCELLED;
    if (answer_.rows.size() >= question_.max_rows) return too_many_ = true, TSN_CARDINALITY;
    if (count > most_labels || (count > 0 && labels == nullptr))
      return defect("a row of the answer has " + std::to_string(count) + " labels; at most 64 are possible");
    std::vector<model::Labels::Pair> pairs;
    for (std::uint32_t i = 0; i < count; ++i) {
      const tsn_label& label = labels[i];
      if (label.value.n == 0) continue;
      if (!sound(label.name) || !sound(label.value)) return defect("a label of the answer has no bytes");
      const std::string_view name = view(label.name), text = view(label.value);
      if (name.empty() || name.size() > most_label_bytes || !base::valid_utf8(name) || !base::valid_utf8(text))
        return defect("a label of the answer is empty, longer than 1 KiB or not UTF-8");
      // A value that is only too long is cut: it still tells its row from others, and a rule can work with it.
      std::size_t fits = std::min(text.size(), most_label_bytes);
      while (fits < text.size() && fits > 0 && (static_cast<unsigned char>(text[fits]) & 0xC0) == 0x80) --fits;
      pairs.emplace_back(name, text.substr(0, fits));
    }
    model::Labels made(std::move(pairs));
    if (!seen_.insert(made).second) {
      return defect(
          "the answer has two rows with the same labels; ask for one row for each, for instance with a sum "
          "or a GROUP BY");
    }
    answer_.rows.push_back({value, std::move(made), ts == 0 ? at_ : base::from_ns(ts)});
    return TSN_OK;
  }

  tsn_status defect(std::string what) {
    if (defect_.empty()) defect_ = std::move(what);
    return TSN_INVALID;
  }

  const base::Value table_;
  const ValueView view_;
  const base::Time at_;
  tsn_query question_{};
  tsn_query_rows abi_{};
  std::mutex mutex_;
  bool closed_ = false, too_many_ = false;
  std::string defect_;
  std::set<model::Labels> seen_;
  model::RuleAnswer answer_;
};

}  // namespace

Result<model::RuleAnswer> Instance::query(const base::Value&, std::uint32_t, base::Time, base::Time) {
  return fail(Fault::unsupported, name() + ": this source answers no questions");
}

Result<model::RuleAnswer> InstanceCore::query(const base::Value& table, std::uint32_t most_rows, base::Time at,
                                              base::Time deadline) {
  if (!queries()) return Instance::query(table, most_rows, at, deadline);
  auto box = std::make_shared<QueryBox>(table, most_rows, at);
  auto answered = std::make_shared<std::promise<Answer>>();
  auto answer = answered->get_future();
  tsn_status status = TSN_OK;
  {
    auto pass = gate_.enter();
    if (!pass || !accepts_calls()) return fail(Fault::unavailable, settings_.name + " is stopping");
    if (quarantined()) return fail(Fault::unavailable, settings_.name + " is quarantined: a call into it hangs");
    const tsn_token token =
        tokens_.open({CallKind::query, deadline, [answered](Answer a) { answered->set_value(std::move(a)); }, box, 0});
    tsn_err err = new_err();
    {
      Entered entered(*mark_, EntryPoint::query, until(EntryPoint::query, deadline).limit_ms);
      Accounted accounted(usage_, Function::query);
      status =
          accounted.ended(type_.source.query(self_, token, box->question(), box->abi(), base::to_ns(deadline), &err));
    }
    returned(token, status, status == TSN_PENDING ? Answer{} : answer_of(CallKind::query, status, err));
  }
  const Answer got = answer.get();  // ended by the deadline at the latest
  auto rows = box->close();
  if (!rows) return fail(rows.error().in(settings_.name));
  if (got.status != TSN_OK) return fail(secrets_.masked(error_of(got.status, got.error, settings_.name, "query")));
  return rows;
}

}  // namespace tocsin::plugin_host
