#include "checkpoint.hpp"

#include <algorithm>
#include <numeric>

namespace tocsin_plugins::logtail {
namespace {

constexpr std::string_view magic = "logtail1";
constexpr unsigned char numbered = 1, within_line = 2, has_time = 4, within_record = 8;

void put(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::size_t shared_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin()).first -
      a.begin());
}

void put(std::string& out, const Checkpoint::Entry& entry, std::string_view path_before) {
  const auto shared = shared_prefix(entry.path, path_before);
  const auto& at = entry.position;
  put(out, shared);
  put(out, entry.path.size() - shared);
  out.append(entry.path, shared);
  for (const auto number : {entry.id.device, entry.id.inode, at.offset, at.lines}) put(out, number);
  const bool ahead = at.taken != Taken{};
  out += static_cast<char>((at.numbered ? numbered : 0) | (at.within_line ? within_line : 0) |
                           (at.last_time ? has_time : 0) | (ahead ? within_record : 0));
  put(out, at.fingerprint.bytes);
  put(out, at.fingerprint.hash);
  if (at.last_time) put(out, static_cast<std::uint64_t>(*at.last_time));
  for (std::size_t i = 0; ahead && i < at.taken.size(); ++i)
    put(out, at.taken[i] > at.offset ? at.taken[i] - at.offset : 0);
}

/// Reads numbers and texts; after the first impossible one everything is empty and `good` false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    return fail();
  }
  unsigned char byte() {
    if (rest_.empty()) return static_cast<unsigned char>(fail());
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view text(std::uint64_t size) {
    if (size > rest_.size()) return fail(), std::string_view();
    const auto value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::uint64_t fail() { return rest_ = {}, good = false, 0; }
  bool at_end() const { return rest_.empty(); }
  bool good = true;

 private:
  std::string_view rest_;
};

Checkpoint::Entry read_entry(Reader& in, const std::string& path_before) {
  Checkpoint::Entry entry;
  auto& at = entry.position;
  const auto shared = in.number();
  if (shared > path_before.size()) in.fail();
  entry.path = path_before.substr(0, in.good ? shared : 0);
  entry.path += in.text(in.number());
  entry.id.device = in.number();
  entry.id.inode = in.number();
  at.offset = in.number();
  at.lines = in.number();
  const auto flags = in.byte();
  at.numbered = flags & numbered;
  at.within_line = flags & within_line;
  const auto bytes = in.number();
  if (bytes > Fingerprint::most) in.fail();
  at.fingerprint = {static_cast<std::uint32_t>(bytes), in.number()};
  if (flags & has_time) at.last_time = static_cast<tsn::Time>(in.number());
  for (std::size_t i = 0; (flags & within_record) && i < at.taken.size(); ++i) {
    const auto ahead = in.number();
    if (ahead > INT64_MAX) in.fail();
    at.taken[i] = ahead > 0 ? at.offset + ahead : 0;
  }
  if (entry.path.empty() || at.offset > INT64_MAX) in.fail();
  return entry;
}

}  // namespace

std::string Checkpoint::encode(std::size_t most) const {
  // Least dispensable first: what is still there, and active most recently.
  std::vector<const Entry*> order;
  for (const auto& entry : files) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return a->gone != b->gone ? b->gone : a->active_at > b->active_at;
  });
  for (;;) {
    auto kept = order;
    // Of one path in the order in which they were given.
    std::sort(kept.begin(), kept.end(),
              [](const Entry* a, const Entry* b) { return a->path != b->path ? a->path < b->path : a < b; });
    const bool all = complete && kept.size() == files.size();
    std::string out(magic);
    out += all ? '\0' : '\1';
    put(out, static_cast<std::uint64_t>(written));
    put(out, kept.size());
    std::string_view before;
    for (const auto* entry : kept) put(out, *entry, before), before = entry->path;
    if (out.size() <= most || order.empty()) return out;
    order.resize(std::min(order.size() - 1, order.size() * most / out.size()));
  }
}

std::optional<Checkpoint> Checkpoint::decode(std::string_view bytes) {
  if (!bytes.starts_with(magic)) return std::nullopt;
  Reader in(bytes.substr(magic.size()));
  Checkpoint made;
  made.complete = !(in.byte() & 1);
  made.written = static_cast<tsn::Time>(in.number());
  const auto count = in.number();
  std::string before;
  for (std::uint64_t i = 0; i < count && in.good; ++i) {
    made.files.push_back(read_entry(in, before));
    before = made.files.back().path;
  }
  if (!in.good || !in.at_end()) return std::nullopt;
  return made;
}

}  // namespace tocsin_plugins::logtail
