#include "app/crash_book.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/id.hpp"
#include "base/text.hpp"
#include "settings/instances.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json json_of(const Crash& crash) {
  // The identity has 64 bits, more than every reader of JSON keeps.
  return {{"instance", crash.instance}, {"plugin", crash.plugin}, {"identity", base::hex16(crash.identity)},
          {"signal", crash.signal},     {"call", crash.call},     {"at", base::to_ns(crash.at)},
          {"count", crash.count}};
}

Crash crash_of(const json& item) {
  Crash crash;
  crash.instance = item.at("instance").get<std::string>();
  crash.plugin = item.at("plugin").get<std::string>();
  crash.identity = std::stoull(item.at("identity").get<std::string>(), nullptr, 16);
  crash.signal = item.at("signal").get<std::string>();
  crash.call = item.value("call", "");
  crash.at = base::from_ns(item.at("at").get<std::int64_t>());
  crash.count = item.at("count").get<std::uint64_t>();
  return crash;
}

base::Result<void> failed(const std::string& what, const std::string& file) {
  return base::fail(base::Fault::unavailable, "cannot " + what + " " + file + ": " + std::strerror(errno) +
                                                  "; crashes of plugins are not kept over a restart");
}

/// Writes the whole text to a new file, on the disk when it returns.
base::Result<void> write_durably(const std::string& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed("write", file);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  const bool good = done == text.size() && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return good ? base::Result<void>{} : failed("write", file);
}

void sync_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

base::Result<std::unique_ptr<CrashBook>> CrashBook::open(std::string file) {
  auto book = std::unique_ptr<CrashBook>(new CrashBook(std::move(file)));
  if (auto done = book->read(); !done) {
    telemetry::log_error("crashes", done.error().message());
    std::error_code error;
    fs::rename(book->file_, book->file_ + ".damaged", error);
  }
  return book;
}

base::Result<void> CrashBook::read() {
  if (!fs::exists(file_)) return {};
  std::ostringstream text;
  text << std::ifstream(file_, std::ios::binary).rdbuf();
  try {
    std::vector<Crash> crashes;
    const json book = json::parse(text.str());
    for (const auto& item : book.at("crashes")) crashes.push_back(crash_of(item));
    crashes_ = std::move(crashes);
    return {};
  } catch (const std::exception& error) {
    return base::fail(base::Fault::corrupt, file_ + " cannot be read and is put aside: " + error.what());
  }
}

base::Result<void> CrashBook::write(const std::vector<Crash>& crashes) const {
  json items = json::array();
  for (const auto& each : crashes) items.push_back(json_of(each));
  const std::string fresh = file_ + ".new";
  TRY_VOID(write_durably(fresh, json{{"crashes", items}}.dump(1, ' ', false, json::error_handler_t::replace) + "\n"));
  if (::rename(fresh.c_str(), file_.c_str()) != 0) return failed("replace", file_);
  sync_directory(fs::path(file_).parent_path());
  return {};
}

base::Result<void> CrashBook::note(const Crash& crash) {
  std::lock_guard lock(mutex_);
  auto same = std::find_if(crashes_.begin(), crashes_.end(), [&](const Crash& each) {
    return each.instance == crash.instance && each.plugin == crash.plugin && each.identity == crash.identity;
  });
  Crash kept = crash;
  kept.count = std::max<std::uint64_t>(crash.count, 1);
  if (same == crashes_.end()) {
    crashes_.push_back(std::move(kept));
  } else {
    kept.count += same->count;
    *same = std::move(kept);
  }
  return write(crashes_);
}

bool CrashBook::isolates(const std::string& instance, const std::string& plugin, std::uint64_t identity) const {
  std::lock_guard lock(mutex_);
  return std::any_of(crashes_.begin(), crashes_.end(), [&](const Crash& each) {
    // Without an identity (an old book) the names have to do.
    return each.identity != 0 ? each.identity == identity : each.instance == instance && each.plugin == plugin;
  });
}

std::optional<Crash> CrashBook::last(const std::string& instance, std::uint64_t identity) const {
  std::lock_guard lock(mutex_);
  const Crash* best = nullptr;
  for (const auto& each : crashes_) {
    if (each.identity != identity) continue;
    const bool own = each.instance == instance;
    if (best == nullptr || (own && best->instance != instance)) best = &each;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

std::vector<Crash> CrashBook::all() const {
  std::lock_guard lock(mutex_);
  return crashes_;
}

std::vector<Crash> CrashBook::forget_exchanged(const std::vector<plugin_host::Found>& found) {
  std::lock_guard lock(mutex_);
  std::vector<Crash> gone;
  std::erase_if(crashes_, [&](const Crash& each) {
    const auto there = [&](const auto& file) { return file.identity == each.identity; };
    const auto kinds = settings::kinds_of(std::string_view(each.instance).substr(0, each.instance.find('.')));
    const auto other = [&](const auto& file) {
      const auto* type = plugin_host::type_of(file, each.plugin);
      return type && (type->kinds & kinds);
    };
    // A file that is merely away (a directory not mounted yet) may come back as it was.
    const bool exchanged =
        std::none_of(found.begin(), found.end(), there) && std::any_of(found.begin(), found.end(), other);
    if (exchanged) gone.push_back(each);
    return exchanged;
  });
  if (gone.empty()) return gone;
  if (auto done = write(crashes_); !done) telemetry::log_error("crashes", done.error().message());
  return gone;
}

void take_findings(plugin_host::Findings& findings, CrashBook& book) {
  const std::uint32_t count = findings.count;
  std::uint32_t next = findings.read;
  if (count - next > plugin_host::Findings::most) next = count - plugin_host::Findings::most;
  for (; next != count; ++next) {
    const auto& found = findings.at(next);
    Crash crash{found.instance,
                found.plugin,
                found.identity,
                plugin_host::signal_name(found.signal),
                found.call,
                base::from_ns(found.at),
                1};
    if (crash.instance.empty()) {
      telemetry::log_error("crashes",
                           "the agent " + text_of(crash) + ", in no plugin; please report it with its core dump");
      continue;
    }
    telemetry::log_error("crashes",
                         "the agent " + text_of(crash) + " of " + crash.instance + ", plugin " + crash.plugin);
    // What cannot be kept still holds for this run.
    if (auto kept = book.note(crash); !kept) telemetry::log_error("crashes", kept.error().message());
  }
  findings.read = count;
}

void show_health(const plugin_host::Instance* instance, const CrashBook* book, std::uint64_t identity,
                 model::PluginStatus& line) {
  auto add = [&](const std::string& text) { line.error += (line.error.empty() ? "" : "; ") + text; };
  if (instance != nullptr) {
    if (const auto why = instance->quarantine(); why && line.state != "quarantined") {
      line.state = "quarantined";
      add(why->call + (why->inside ? " hangs since " : " hung at ") + base::format_rfc3339(why->since) +
          "; `tocsin reload` begins anew");
    }
  }
  if (instance != nullptr && !line.isolated) {
    const auto process = instance->process_status();
    line.isolated = process.isolated;
    line.pid = process.pid;
    line.restarts = process.restarts;
    if (process.isolated && process.pid == 0 && line.state == "running") line.state = "restarting";
    if (!process.last_death.empty()) add("its runner died last of " + process.last_death);
  }
  if (book == nullptr) return;
  if (const auto crash = book->last(line.instance, identity);
      crash && line.error.find("crashed") == std::string::npos) {
    add(text_of(*crash));
  }
}

std::string text_of(const Crash& crash) {
  return "crashed " + crash.signal + (crash.call.empty() ? "" : " in " + crash.call) + " " +
         base::format_rfc3339(crash.at) + (crash.count > 1 ? " (" + std::to_string(crash.count) + " times)" : "");
}

}  // namespace tocsin::app
