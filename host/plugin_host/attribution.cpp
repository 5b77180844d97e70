#include "plugin_host/attribution.hpp"

#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "plugin_host/marks.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr std::size_t most_seats = 4096;

struct alignas(64) Place {  // a cache line each: threads write theirs at every judgement
  std::atomic<bool> taken{false};
  Seat seat;
};

// Never destroyed and never freed: threads of a plugin may outlive main's statics, and a handler may come at any time.
constinit Place places[most_seats];
constinit std::atomic<std::size_t> used{0};
constinit Mark marks[most_marks];
constinit Mark nobody;
constinit std::mutex marks_mutex;

template <std::size_t N>
void copy(char (&to)[N], std::string_view from) {
  std::size_t n = std::min(from.size(), N - 1);
  std::memcpy(to, from.data(), n);
  to[n] = '\0';
}

struct Range {
  std::uintptr_t at = 0, begin = 0, end = 0;
};

int find_range(dl_phdr_info* info, std::size_t, void* data) {
  auto& range = *static_cast<Range*>(data);
  std::uintptr_t begin = ~std::uintptr_t{0}, end = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    begin = std::min(begin, info->dlpi_addr + part.p_vaddr);
    end = std::max(end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
  }
  if (range.at < begin || range.at >= end) return 0;
  range.begin = begin, range.end = end;
  return 1;
}

/// What a thread holds from its first call into a plugin to its end.
class Holding {
 public:
  Place* place = nullptr;

  void give_stack() {
    stack_t now{};
    if (::sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;  // a sanitizer has given one
    const std::size_t least = static_cast<std::size_t>(std::max(::sysconf(_SC_MINSIGSTKSZ), 0L));
    size_ = (least + 32 * 1024 + 4095) / 4096 * 4096;
    stack_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack_ == MAP_FAILED) return void(stack_ = nullptr);
    stack_t mine{};
    mine.ss_sp = stack_, mine.ss_size = size_;
    ::sigaltstack(&mine, nullptr);
  }
  ~Holding() {
    if (stack_ != nullptr) {
      stack_t none{};
      none.ss_flags = SS_DISABLE;
      ::sigaltstack(&none, nullptr);
      ::munmap(stack_, size_);
    }
    this_seat = nullptr;
    if (place != nullptr) place->taken.store(false, std::memory_order_release);
  }

 private:
  void* stack_ = nullptr;
  std::size_t size_ = 0;
};

Place* free_place() {
  for (std::size_t i = 0; i < most_seats; ++i) {
    bool free = false;
    if (!places[i].taken.compare_exchange_strong(free, true, std::memory_order_acquire)) continue;
    std::size_t seen = used.load();
    while (seen <= i && !used.compare_exchange_weak(seen, i + 1)) {
    }
    return &places[i];
  }
  return nullptr;
}

}  // namespace

constinit thread_local Seat* this_seat = nullptr;

Seat* claim_seat() {
  thread_local Holding holding;
  thread_local Seat unwatched;  // of a thread beyond the last place: attributed, not watched
  if (holding.place == nullptr) {
    holding.place = free_place();
    holding.give_stack();
  }
  return this_seat = holding.place != nullptr ? &holding.place->seat : &unwatched;
}

const char* to_string(EntryPoint entry) {
  static constexpr const char* words[] = {"none",   "create",  "start",   "stop",     "destroy",  "reconfigure",
                                          "cancel", "pull",    "deliver", "upsert",   "handle",   "load",
                                          "unload", "compile", "release", "evaluate", "callback", "save",
                                          "load",   "thread",  "sync",    "probe",    "query"};
  auto i = static_cast<std::size_t>(entry);
  return i < std::size(words) ? words[i] : "call";
}

Marked::Marked(std::uint32_t number, std::string_view instance, std::string_view plugin, std::uint64_t identity,
               const void* code)
    : mark_(&nobody) {
  Range range{reinterpret_cast<std::uintptr_t>(code), 0, 0};
  ::dl_iterate_phdr(find_range, &range);
  std::lock_guard lock(marks_mutex);
  for (Mark& mark : marks) {
    if (mark.number.load(std::memory_order_relaxed) != 0) continue;
    mark.identity = identity;
    mark.begin = range.begin, mark.end = range.end;
    copy(mark.instance, instance);
    copy(mark.plugin, plugin);
    mark.number.store(number, std::memory_order_release);
    mark_ = &mark;
    return;
  }
}

Marked::~Marked() {
  if (mark_ != &nobody) mark_->number.store(0, std::memory_order_release);
}

const Mark* mark_of_code(std::uintptr_t at) {
  for (const Mark& mark : marks) {
    if (mark.number.load(std::memory_order_acquire) == 0) continue;
    if (at >= mark.begin && at < mark.end) return &mark;
  }
  return nullptr;
}

std::size_t seats() {
  return used.load(std::memory_order_acquire);
}

Seen look_at(std::size_t seat) {
  const Seat& at = places[seat].seat;
  Seen out;
  out.entries = at.entries.load(std::memory_order_acquire);
  const std::uint64_t call = at.call.load(std::memory_order_acquire);
  out.mark = at.mark.load(std::memory_order_acquire);
  out.entry = static_cast<EntryPoint>(call >> 32);
  out.limit_ms = static_cast<std::uint32_t>(call);
  if (out.mark != nullptr) out.number = out.mark->number.load(std::memory_order_acquire);
  return out;
}

}  // namespace tocsin::plugin_host
