#include "stream.hpp"

#include <algorithm>

namespace tocsin_plugins::kube {

using namespace std::chrono_literals;

namespace {

constexpr unsigned page_size = 250;
constexpr std::size_t most_refusal = 64u << 10;
constexpr auto list_time = 60s;
constexpr auto watch_time = 240s;  // and up to as much again by half, so that not all end at once
// A server that hangs does not close its connections, and the kernel answers for it. One that is well sends a bookmark
// about each minute; where it has none to send, a new watch says that it is well.
constexpr auto watch_silence = 90s;
constexpr auto first_wait = 1s, longest_wait = 60s;

std::string path_of(Kind kind, const std::string& space) {
  const auto resource = resource_of(kind);
  std::string made(resource.prefix);
  if (!space.empty()) made += "/namespaces/" + space;
  return made.append("/").append(resource.plural);
}

}  // namespace

Stream::Stream(Office& office, Kind kind, std::string space, std::function<void(Stream*)> on_due)
    : office_(office),
      kind_(kind),
      space_(std::move(space)),
      path_(path_of(kind, space_)),
      on_due_(std::move(on_due)),
      page_size_(page_size),
      lines_(office.settings.max_object),
      reader_(office.settings.max_object),
      book_(office.series) {}

void Stream::start(std::string version) {
  version_ = std::move(version);
  next_.clear();
  failures_ = 0;
  listed_anew_ = false;
  phase_ = Phase::waiting;
  again();
}

void Stream::again() {
  if (phase_ != Phase::waiting) return;
  version_.empty() ? list() : watch();
}

std::string Stream::selectors() const {
  const auto& settings = office_.settings;
  std::string fields, labels, made;
  if (kind_ == Kind::pods) {
    fields = settings.field_selector;
    if (!settings.node.empty()) fields += (fields.empty() ? "" : ",") + ("spec.nodeName=" + settings.node);
  }
  if (kind_ == Kind::nodes && !settings.node.empty()) fields = "metadata.name=" + settings.node;
  if (kind_ == Kind::events && settings.only_warnings) fields = "type=Warning";
  if (kind_ != Kind::nodes && kind_ != Kind::events) labels = settings.label_selector;
  if (!fields.empty()) made += "&fieldSelector=" + escape(fields);
  if (!labels.empty()) made += "&labelSelector=" + escape(labels);
  return made;
}

void Stream::request(const Question& question) {
  status_ = 0;
  body_.clear();
  too_long_ = false;
  try {
    office_.transport.get(*this, question);
  } catch (const tsn::Failure& failure) {
    retry(failure.what(), failure.status().value() == TSN_DENIED);
  }
}

void Stream::list() {
  if (next_.empty()) {
    const std::lock_guard lock(office_.mutex);
    kind_ == Kind::events ? events_.begin_list() : book_.begin_list();
    names_.clear();
  }
  phase_ = Phase::listing;
  auto query = "?limit=" + std::to_string(page_size_) + selectors();
  if (!next_.empty()) query += "&continue=" + escape(next_);
  request({.path = path_ + query, .time = list_time});
}

void Stream::watch() {
  phase_ = Phase::watching;
  lines_.reset();
  moved_ = forgotten_ = false;
  problem_.clear();
  problem_wait_ = {};
  const auto time = watch_time + std::chrono::seconds(office_.random() % (watch_time.count() / 2));
  request({.path = path_ + "?watch=true&allowWatchBookmarks=true&resourceVersion=" + escape(version_) +
                   "&timeoutSeconds=" + std::to_string(time.count()) + selectors(),
           .time = time + 30s,
           .silence = watch_silence,
           .packed = false});
}

void Stream::begun(long status) {
  status_ = status;
  begun_ = std::chrono::steady_clock::now();
  if (status == 200 && phase_ == Phase::watching) works();
}

bool Stream::took(std::string_view bytes) {
  if (phase_ != Phase::watching || status_ != 200) {
    too_long_ = body_.size() + bytes.size() > (status_ == 200 ? office_.most_page : most_refusal);
    if (!too_long_) body_.append(bytes);
    return !too_long_;
  }
  try {
    const bool go_on = lines_.feed(bytes, [this](std::string_view line) { return take_line(line); });
    if (const auto skipped = lines_.take_skipped()) {
      office_.ctx.count("objects_too_large", static_cast<double>(skipped));
      office_.ctx.warn("an object of " + path_ + " is larger than max_object and was passed over");
    }
    return go_on;
  } catch (const std::exception& error) {  // through a library in C nothing is thrown
    problem_ = error.what();
    version_.clear();
    return false;
  }
}

void Stream::ended(const Outcome& outcome) {
  phase_ == Phase::listing ? list_ended(outcome) : watch_ended(outcome);
  office_.flush();
}

void Stream::list_ended(const Outcome& outcome) {
  if (too_long_ && status_ == 200) {
    next_.clear();
    if (page_size_ == 1)
      return retry(path_ + ": one object alone is longer than " + std::to_string(office_.most_page >> 20) + " MiB");
    page_size_ = std::max(1u, page_size_ / 4);
    return list();
  }
  if (status_ == 410) return gone();
  if (status_ != 200 && status_ != 0) return refused(outcome, "list");
  if (!outcome.error.empty()) return next_.clear(), retry(outcome.error);
  Page page;
  std::string error;
  if (!Reader::page(body_, kind_, page, error)) {
    next_.clear();
    return retry(office_.settings.access.url + path_ + ": the list cannot be read: " + error);
  }
  body_ = {};
  take_page(std::move(page));
}

void Stream::take_page(Page&& page) {
  const auto now = office_.ctx.now();
  {
    const std::lock_guard lock(office_.mutex);
    for (auto& object : page.objects) {
      if (kind_ == Kind::events)
        take_event(std::move(object), EventLog::Seen::listed);
      else
        book_.apply(std::move(object), office_.out, now);
    }
    if (page.next.empty()) kind_ == Kind::events ? events_.end_list() : book_.end_list(office_.out, now);
  }
  names_.insert(page.names.begin(), page.names.end());
  next_ = std::move(page.next);
  if (!next_.empty()) {
    office_.flush();
    return list();
  }
  office_.ctx.count("lists");
  version_ = std::move(page.version);
  page_size_ = page_size;
  if (kind_ == Kind::events) {
    office_.told_until = std::max(office_.told_until, now);
    office_.moved = true;
  }
  watch();
}

bool Stream::take_line(std::string_view line) {
  Change change;
  std::string error;
  if (!reader_.change(line, kind_, change, error)) {
    office_.ctx.count("lines_unreadable");
    problem_ = office_.settings.access.url + path_ + ": a line of the watch cannot be read: " + error;
    version_.clear();
    return false;
  }
  if (change.type == Change::Type::error) {
    forgotten_ = change.code == 410;
    problem_ = path_ + ": the watch was ended by the server: " + std::to_string(change.code) + " " + change.message;
    problem_wait_ = std::chrono::seconds(change.retry_seconds);
    return false;
  }
  moved_ = true;
  listed_anew_ = false;
  failures_ = 0;
  version_ = change.object.version;
  if (kind_ == Kind::events) office_.moved = true;
  if (change.type != Change::Type::bookmark) take_change(std::move(change));
  return true;
}

void Stream::take_change(Change&& change) {
  office_.ctx.count("changes");
  const auto now = office_.ctx.now();
  const bool deleted = change.type == Change::Type::deleted;
  if (kind_ == Kind::nodes && deleted) names_.erase(change.name);
  if (kind_ == Kind::nodes && !deleted) names_.insert(change.name);
  const std::lock_guard lock(office_.mutex);
  if (kind_ != Kind::events) {
    if (deleted) return book_.remove(change.object.key, office_.out, now);
    return book_.apply(std::move(change.object), office_.out, now);
  }
  if (deleted) return events_.remove(change.object.key);
  const auto at = std::min(change.object.at, now);
  take_event(std::move(change.object),
             change.type == Change::Type::added ? EventLog::Seen::added : EventLog::Seen::modified);
  office_.told_until = std::max(office_.told_until, at);
}

void Stream::take_event(Object&& event, EventLog::Seen how) {
  if (office_.settings.only_warnings && !event.warning) return;
  const auto rise = events_.rise(event, how, office_.told_until);
  if (rise == 0 || event.facts.empty()) return;
  const auto now = office_.ctx.now();
  const auto& fact = event.facts.front();
  tsn::Series series;
  if (!office_.series.find(fact, series)) return;
  const auto at = event.at > 0 ? std::min(event.at, now) : now;
  const auto row = office_.out.push(at, series, static_cast<double>(rise));
  row.severity(event.warning ? 13 : 9);
  if (!fact.text.empty()) row.text(fact.text);
  office_.moved = true;
}

void Stream::watch_ended(const Outcome& outcome) {
  const bool clean = status_ == 200 && outcome.error.empty();
  if (forgotten_ || status_ == 410) return gone();
  if (!problem_.empty()) return retry(problem_, false, problem_wait_);
  if (status_ != 200 && status_ != 0) return refused(outcome, "watch");
  if (outcome.silent) return watch();
  if (!outcome.error.empty() && !moved_) return retry(outcome.error);
  if (clean && (moved_ || std::chrono::steady_clock::now() - begun_ > 10s)) return watch();
  wait({});  // a watch that ends at once, again and again, must not become a storm
}

void Stream::gone() {
  office_.ctx.count("versions_forgotten");
  version_.clear();
  next_.clear();
  if (!std::exchange(listed_anew_, true)) return list();
  wait({});
}

void Stream::refused(const Outcome& outcome, std::string_view verb) {
  next_.clear();
  const auto refusal = read_refusal(body_);
  auto wait = outcome.retry_after;
  if (wait.count() == 0) wait = std::chrono::seconds(refusal.retry_seconds);
  retry(explain_refusal(status_, refusal, verb, resource_of(kind_), space_, office_.settings.access.url),
        status_ == 401 || status_ == 403, wait);
}

void Stream::retry(std::string why, bool denied, std::chrono::milliseconds at_least) {
  {
    const std::lock_guard lock(office_.mutex);
    if (trouble_.text != why) office_.ctx.warn(why);
    trouble_ = {std::move(why), denied};
  }
  wait(at_least);
}

void Stream::wait(std::chrono::milliseconds at_least) {
  phase_ = Phase::waiting;
  const auto doubled = first_wait * (1u << std::min(failures_, 6u));
  ++failures_;
  std::chrono::milliseconds time = std::min<std::chrono::milliseconds>(doubled, longest_wait);
  time = time / 2 + std::chrono::milliseconds(office_.random() % static_cast<unsigned>(time.count() / 2 + 1));
  try {
    office_.ctx.timer(std::max(time, at_least), [this] { on_due_(this); });
  } catch (const tsn::Failure& failure) {
    if (!office_.ctx.stopping()) office_.ctx.error(path_ + ": not tried again: " + failure.what());
  }
}

void Stream::works() {
  const std::lock_guard lock(office_.mutex);
  if (!trouble_.text.empty()) office_.ctx.info(path_ + " is watched again");
  trouble_ = {};
}

void Stream::write(tsn::Batch& out, tsn::Time now) {
  // What was known when the connection broke may be wrong by now.
  if (kind_ != Kind::events && trouble_.text.empty()) book_.write(out, now);
}

}  // namespace tocsin_plugins::kube
