#include "watcher.hpp"

#include <algorithm>
#include <charconv>

#include "kubernetes_api/ask.hpp"

namespace tocsin_plugins::kube {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view cursor_version = "1 ";
constexpr std::size_t longest_cursor = 60u << 10;
constexpr std::size_t longest_look = 8u << 20;

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

}  // namespace

Watcher::Watcher(tsn::Context ctx, const Settings& settings)
    : ctx_(ctx),
      settings_(settings),
      transport_(settings.access),
      out_(ctx),
      series_(ctx),
      office_{ctx_, settings_, transport_, out_, series_, mutex_, [this] { flush(); }} {
  const auto add = [this](Kind kind, const std::string& space) {
    streams_.push_back(std::make_unique<Stream>(office_, kind, space, [this](Stream* stream) { due(stream); }));
    if (kind == Kind::nodes) nodes_ = streams_.back().get();
  };
  for (const auto kind : settings.kinds) {
    if (kind == Kind::nodes || settings.namespaces.empty()) {
      add(kind, {});
      continue;
    }
    for (const auto& space : settings.namespaces) add(kind, space);
  }
  // All lists may be read at one time. No object is as large as the least of it.
  office_.most_page =
      std::clamp((64u << 20) / std::max<std::size_t>(1, streams_.size()), std::size_t{2} << 20, std::size_t{8} << 20);
  if (settings.volumes) volumes_ = std::make_unique<Volumes>(office_);
}

void Watcher::start(std::string_view cursor) {
  resumed_ = cursor;
  round_due_ = false;
  due_.clear();
  if (volumes_) volumes_->reset();
  stopping_ = false;
  thread_ = ctx_.spawn("kubernetes", [this] { run(); });
}

void Watcher::stop() {
  {
    const std::lock_guard lock(due_mutex_);
    stopping_ = true;
    ended_.notify_all();
  }
  transport_.wake();
  if (thread_) ctx_.join(std::exchange(thread_, 0));
  transport_.clear();
}

/// A position is good for the same server only: others count on their own.
std::string Watcher::version_in(std::string_view cursor, const Stream& stream) {
  if (stream.kind() != Kind::events) return {};
  if (take_line(cursor) != std::string(cursor_version) + settings_.access.url) return {};
  const auto until = take_line(cursor);
  std::from_chars(until.data(), until.data() + until.size(), office_.told_until);
  while (!cursor.empty()) {
    const auto line = take_line(cursor);
    const auto space = line.find(' ');
    if (space != line.npos && line.substr(0, space) == stream.path()) return std::string(line.substr(space + 1));
  }
  return {};
}

std::string Watcher::cursor() const {
  auto made = std::string(cursor_version) + settings_.access.url + "\n" + std::to_string(office_.told_until) + "\n";
  for (const auto& stream : streams_)
    if (stream->kind() == Kind::events && !stream->version().empty())
      made += stream->path() + " " + stream->version() + "\n";
  return made;
}

void Watcher::run() {
  for (auto& stream : streams_) stream->start(version_in(resumed_, *stream));
  while (!stopping_) {
    try {
      transport_.run(1s);
      take_due();
      flush();
    } catch (const std::exception& error) {
      begin_anew(error.what());
    }
  }
}

/// No memory, or more rows of one page than a batch holds while the agent is full: everything is listed again, and
/// compared with what is known.
void Watcher::begin_anew(const char* why) {
  ctx_.error(std::string("lists are read again: ") + why);
  ctx_.count("begun_anew");
  transport_.clear();
  {
    const std::lock_guard lock(due_mutex_);
    due_.clear();
  }
  if (volumes_) volumes_->reset();
  if (!wait(1s)) return;
  for (auto& stream : streams_) stream->start(stream->kind() == Kind::events ? stream->version() : std::string());
}

void Watcher::due(Stream* stream) {
  {
    const std::lock_guard lock(due_mutex_);
    due_.push_back(stream);
  }
  transport_.wake();
}

void Watcher::take_due() {
  std::vector<Stream*> due;
  bool round;
  {
    const std::lock_guard lock(due_mutex_);
    due.swap(due_);
    // Until the list of nodes is there the round waits.
    round = round_due_ && (!nodes_ || !settings_.node.empty() || !nodes_->names().empty());
    if (round) round_due_ = false;
  }
  for (auto* stream : due)
    if (!stopping_) stream->again();
  if (!round || !volumes_) return;
  volumes_->begin_round(settings_.node.empty() ? nodes_->names() : std::set<std::string>{settings_.node});
}

bool Watcher::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(due_mutex_);
  return !ended_.wait_for(lock, time, [this] { return stopping_.load(); });
}

/// While the agent is full nothing is read, and the server waits.
void Watcher::flush() {
  if (office_.moved && std::exchange(office_.moved, false))
    if (auto text = cursor(); text.size() <= longest_cursor) out_.cursor(text);
  for (;;) {
    const auto done = out_.submit();
    if (done.status) {
      if (done.rejected) ctx_.count("rows_rejected", done.rejected);
      return;
    }
    if (done.status == tsn::retry || done.status.value() == TSN_FAILED) {
      if (!wait(200ms)) return;
      continue;
    }
    ctx_.count("batches_refused");
    ctx_.warn("signals were not taken: " + done.status.text());
    return;
  }
}

tsn::Status Watcher::poll(tsn::Batch& out) {
  Trouble worst;
  {
    const std::lock_guard lock(mutex_);
    const auto now = ctx_.now();
    const auto see = [&](const Trouble& trouble) {
      if (trouble.text.empty() || worst.denied) return;
      if (worst.text.empty() || trouble.denied) worst = trouble;
    };
    for (auto& stream : streams_) stream->write(out, now), see(stream->trouble());
    if (volumes_) volumes_->write(out, now), see(volumes_->trouble());
    report();
  }
  if (volumes_) {
    const std::lock_guard lock(due_mutex_);
    round_due_ = true;
  }
  transport_.wake();
  if (worst.text.empty()) return tsn::ok;
  return worst.denied ? tsn::denied(worst.text) : tsn::fail(worst.text);
}

void Watcher::report() {
  series_.report();
  std::size_t down = 0, objects = 0;
  for (const auto& stream : streams_) {
    down += !stream->trouble().text.empty();
    objects += stream->size();
  }
  ctx_.gauge("objects", static_cast<double>(objects + (volumes_ ? volumes_->size() : 0)));
  ctx_.gauge("streams_down", static_cast<double>(down));
}

void Watcher::look(std::string& report, tsn::Deadline deadline) {
  const auto& server = settings_.access.url;
  const auto until = std::chrono::steady_clock::now() + std::min<std::chrono::nanoseconds>(deadline.remaining(), 60s);
  Transport transport(settings_.access);
  const auto look = [&](std::string path) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()) - 200ms;
    return ask(transport, {.path = std::move(path), .time = std::max<std::chrono::milliseconds>(left, 1ms)},
               longest_look, [this] { return ctx_.stopping(); });
  };
  const auto tell = [&](const Answer& answer, const std::string& what, const std::string& refused) {
    if (answer.ok())
      report += "ok: " + server + ": " + what + "\n";
    else
      report += "error: " + (answer.outcome.status >= 300 ? refused : what + ": " + answer.outcome.error) + "\n";
  };
  for (const auto& stream : streams_) {
    const auto answer = look(stream->path() + "?limit=1");
    tell(answer, "may list " + stream->path(),
         explain_refusal(answer.outcome.status, read_refusal(answer.body), "list", resource_of(stream->kind()),
                         stream->space(), server));
  }
  if (!volumes_) return;
  // Any node will do: one that does not exist tells whether asking is allowed.
  const auto node = settings_.node.empty() ? std::string("tocsin-looks") : settings_.node;
  const auto answer = look("/api/v1/nodes/" + node + "/proxy/stats/summary");
  const auto status = answer.outcome.status;
  if (settings_.node.empty() && status == 404)
    report += "ok: " + server + ": may ask kubelets for their summaries\n";
  else
    tell(answer, "may ask the kubelet of " + node,
         explain_refusal(status, read_refusal(answer.body), "get", kubelets(), {}, server));
}

}  // namespace tocsin_plugins::kube
