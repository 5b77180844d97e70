#include "storage/sqlite/logged_store.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <unordered_set>

#include "runtime/backoff.hpp"
#include "runtime/executor.hpp"

namespace tocsin::storage::sqlite {
namespace {

using base::fail;
using base::Fault;
using base::Result;
using Clock = std::chrono::steady_clock;

/// The database is written to when nothing was decided for so long, or when something waits for the longer time: a
/// burst is answered and told first, and what follows on a decision is written together with it.
constexpr std::chrono::milliseconds quiet{20}, longest_wait{1000};
/// Decisions in one transaction, about.
constexpr std::size_t most_at_once = 512;
/// So much of the log may be ahead of the database; then decisions wait.
constexpr std::uint64_t most_ahead = 32ull << 20;
constexpr runtime::BackoffPolicy retry{std::chrono::milliseconds(100), std::chrono::seconds(10), 2.0};

/// What the database would refuse when nobody waits for it any more.
Result<void> check(const model::Changes& changes) {
  if (!changes.passed_on.empty() || !changes.taken.empty())
    return fail(Fault::internal, "alerts are passed on in a store that nobody shares");
  for (const model::Attachment& a : changes.attachments)
    if (!a.content) return fail(Fault::internal, "the attachment " + a.name + " came to the store without content");
  return {};
}

}  // namespace

LoggedStore::LoggedStore(Parts parts)
    : store_(std::move(parts.store)),
      log_(std::move(parts.log)),
      number_in_store_(std::move(parts.newest_number)),
      report_(std::move(parts.report)),
      appended_(log_->newest()),
      folded_(parts.folded) {}

LoggedStore::~LoggedStore() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_) thread_->join();
}

Result<void> LoggedStore::start() {
  while (folded_ < appended_) TRY_VOID(fold_some());
  // What was left behind may have brought new incidents.
  TRY(newest_number_, number_in_store_());
  thread_.emplace("store", runtime::plugin_stack, [this] { run(); });
  return {};
}

// --- decisions in ---

Result<CommitResult> LoggedStore::commit_all(const std::vector<const model::Changes*>& decisions) {
  if (std::ranges::all_of(decisions, &model::Changes::empty)) return CommitResult();
  for (const model::Changes* decision : decisions) TRY_VOID(check(*decision));
  std::lock_guard order(commit_mutex_);
  TRY_VOID(await_room());
  const std::uint64_t before = newest_number_;
  std::vector<std::string> fresh;
  CommitResult result;
  TRY(result.numbers, give_numbers(decisions, fresh));
  bytes_.clear();
  encode(result.numbers, decisions, bytes_);
  auto position = log_->append(bytes_);
  if (!position) {
    newest_number_ = before;
    return fail(std::move(position).error());
  }
  appended(*position, decisions, result.numbers, fresh);
  return result;
}

/// Waits while the database is too far behind; fails while it refuses.
Result<void> LoggedStore::await_room() {
  std::unique_lock lock(mutex_);
  const auto room = [&] { return refused_ || folded_ >= appended_ || log_->bytes() < most_ahead; };
  if (!room()) {
    ++waiting_;
    wake_.notify_all();
    folded_changed_.wait(lock, room);
    --waiting_;
  }
  if (refused_) return fail(*refused_);
  return {};
}

/// Also refuses what refers to an incident that is nowhere, while somebody waits for the answer.
Result<IncidentNumbers> LoggedStore::give_numbers(const std::vector<const model::Changes*>& decisions,
                                                  std::vector<std::string>& fresh) {
  IncidentNumbers numbers;
  std::unordered_set<std::string_view> here;
  std::vector<std::string> unknown, referred;
  {
    std::lock_guard lock(mutex_);
    const auto refer = [&](const auto& rows) {
      for (const auto& row : rows) {
        if (!here.contains(row.correlation_id) && !numbers_.contains(row.correlation_id))
          referred.push_back(row.correlation_id);
      }
    };
    for (const model::Changes* decision : decisions) {
      for (const model::Incident& incident : decision->incidents) {
        const std::string& id = incident.correlation_id;
        if (!here.insert(id).second || incident.number != 0) continue;
        const auto known = numbers_.find(id);
        numbers[id] = known == numbers_.end() ? 0 : known->second;
        if (known == numbers_.end()) unknown.push_back(id);
      }
      refer(decision->timeline);
      refer(decision->incident_alerts);
      refer(decision->attachments);
    }
  }
  if (unknown.empty() && referred.empty()) return numbers;
  std::vector<std::string> asked = unknown;
  asked.insert(asked.end(), referred.begin(), referred.end());
  TRY(const auto stored, store_->numbers_of(asked));
  for (const std::string& id : referred) {
    if (!stored.contains(id))
      return fail(Fault::conflict, "incident " + id + ", which must be in the store or in the same changes, is not");
  }
  for (const std::string& id : unknown) {
    const auto known = stored.find(id);
    if (known == stored.end()) fresh.push_back(id);
    numbers[id] = known == stored.end() ? ++newest_number_ : known->second;
  }
  return numbers;
}

void LoggedStore::appended(std::uint64_t position, const std::vector<const model::Changes*>& decisions,
                           const IncidentNumbers& numbers, const std::vector<std::string>& fresh) {
  const auto now = Clock::now();
  std::lock_guard lock(mutex_);
  awaited_.note(decisions, position);
  for (const std::string& id : fresh) {
    numbers_[id] = numbers.at(id);
    numbered_at_.emplace_back(position, id);
  }
  if (folded_ >= appended_) {
    oldest_ = now;
    wake_.notify_all();
  }
  newest_ = now;
  appended_ = position;
}

// --- into the database ---

Result<void> LoggedStore::settle() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = appended_;
  if (folded_ >= wanted) return {};
  ++waiting_;
  wake_.notify_all();
  // While the database takes nothing, what it has is answered.
  folded_changed_.wait(lock, [&] { return folded_ >= wanted || refused_; });
  --waiting_;
  return {};
}

void LoggedStore::run() {
  std::uint32_t failures = 0;
  std::unique_lock lock(mutex_);
  while (wait_for_work(lock)) {
    lock.unlock();
    const auto done = fold_some();
    lock.lock();
    if (done) {
      failures = 0;
      refused_.reset();
      continue;
    }
    if (!refused_) report_(done.error().in("decisions wait for the store"));
    refused_ = std::make_unique<base::Error>(done.error());
    folded_changed_.notify_all();
    if (stopping_) return;  // the next start takes them in
    wake_.wait_for(lock, runtime::backoff_delay(retry, ++failures, runtime::jitter()), [&] { return stopping_; });
  }
}

/// False: everything is in the database, and the store is closed.
bool LoggedStore::wait_for_work(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    if (folded_ >= appended_) {
      if (stopping_) return false;
      wake_.wait(lock);
      continue;
    }
    const auto due = std::min(newest_ + quiet, oldest_ + longest_wait);
    if (stopping_ || waiting_ > 0 || Clock::now() >= due) return true;
    wake_.wait_until(lock, due);
  }
}

Result<void> LoggedStore::fold_some() {
  std::uint64_t through = folded_, end = log_->newest();
  std::vector<model::Changes> decisions;
  while (decisions.size() < most_at_once) {
    TRY(auto records, log_->read(through, 1));
    if (records.empty()) {
      // What is missing of it was reported.
      through = std::max(through, end);
      break;
    }
    through = records.front().position;
    auto decoded = decode_decisions(records.front().decision);
    if (!decoded) report_(decoded.error().in("record " + std::to_string(through) + " of the decision log is lost"));
    if (!decoded) continue;
    {
      std::lock_guard lock(mutex_);
      awaited_.leave_out(*decoded, through);
    }
    decisions.insert(decisions.end(), std::make_move_iterator(decoded->begin()),
                     std::make_move_iterator(decoded->end()));
  }
  leave_out_superseded(decisions);
  TRY_VOID(take_in(decisions, through));
  folded(through);
  return {};
}

Result<void> LoggedStore::take_in(const std::vector<model::Changes>& decisions, std::uint64_t through) {
  model::Changes mark;
  mark.kv.emplace_back(position_key, std::to_string(through));
  std::vector<const model::Changes*> all;
  for (const model::Changes& decision : decisions) all.push_back(&decision);
  all.push_back(&mark);
  auto done = store_->commit_all(all);
  if (done || done.error().retryable()) return done ? Result<void>() : fail(std::move(done).error());
  // One spoils all: the sound ones are kept, the spoilt one is named.
  for (const model::Changes& decision : decisions) {
    const auto kept = store_->commit(decision);
    if (!kept && kept.error().retryable()) return fail(kept.error());
    if (!kept) report_(kept.error().in("a decision could not be kept"));
  }
  TRY_VOID(store_->commit(mark));
  return {};
}

void LoggedStore::folded(std::uint64_t through) {
  if (auto trimmed = log_->trim(through); !trimmed) report_(trimmed.error());
  std::lock_guard lock(mutex_);
  folded_ = through;
  awaited_.forget(through);
  while (!numbered_at_.empty() && numbered_at_.front().first <= through) {
    numbers_.erase(numbered_at_.front().second);
    numbered_at_.pop_front();
  }
  folded_changed_.notify_all();
}

}  // namespace tocsin::storage::sqlite
