#include "pool.hpp"

#include <poll.h>

#include <algorithm>

#include "rights.hpp"

namespace tocsin_plugins::sql {

using namespace std::chrono_literals;

short Until::wait(int fd, short events) const {
  // In slices: a stop is not announced through a descriptor.
  while (!over()) {
    pollfd entry{fd, events, 0};
    const auto slice = std::min<std::chrono::milliseconds>(left(), 100ms);
    if (::poll(&entry, 1, static_cast<int>(slice.count())) > 0) return entry.revents;
  }
  return 0;
}

tsn::Failure Until::ended(const std::string& what) const {
  if (ctx_->stopping()) return tsn::Failure(tsn::cancelled(what + ": the source is stopping"));
  return tsn::Failure(tsn::timed_out(what + ": no answer within the timeout"));
}

std::unique_ptr<Connection> open(const Address& address, const Until& until) {
  return address.postgres ? open_postgres(address, until) : open_mysql(address, until);
}

std::unique_ptr<Connection> Pool::take(const Until& until) {
  auto connection = take_idle();
  if (!connection) connection = open_new(until);
  audit(*connection, until);
  return connection;
}

std::unique_ptr<Connection> Pool::take_idle() {
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    auto last = std::move(idle_.back());
    idle_.pop_back();
    if (last->usable()) return last;
  }
  return nullptr;
}

std::unique_ptr<Connection> Pool::open_new(const Until& until) {
  {
    const std::lock_guard lock(mutex_);
    if (ctx_.now() < not_before_) throw tsn::Failure(last_failure_);
  }
  try {
    auto made = open(address_, until);
    const std::lock_guard lock(mutex_);
    failures_ = 0;
    return made;
  } catch (const tsn::Failure& failure) {
    const std::lock_guard lock(mutex_);
    const auto wait = std::min<std::chrono::nanoseconds>(60s, 1s * (1 << std::min(failures_++, 6)));
    not_before_ = ctx_.now() + wait.count();
    last_failure_ = failure.status();
    throw;
  }
}

void Pool::audit(Connection& connection, const Until& until) {
  // Its own lock: others wait for the verdict before they ask anything.
  const std::lock_guard lock(audit_mutex_);
  if (audited_) return;
  const auto rights = connection.excess_rights(until);
  const auto text = address_.url + ": the account may do more than read: " + listed(rights);
  if (!rights.empty() && require_read_only_)
    throw tsn::Failure(tsn::denied(text + "; take the rights away, or leave require_read_only out"));
  if (!rights.empty()) ctx_.warn(text + "; give the source an account that may only SELECT");
  audited_ = true;
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

void Pool::close() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

}  // namespace tocsin_plugins::sql
