// The plain kind of record, which most are: one object of texts without escapes, numbers and words. It is read in one
// pass, where it stands; for every other line the caller asks a parser of JSON. What this takes that one takes too, and
// with the same values (its test holds them against each other). Rejected: simdjson alone, which spends more than half
// of what a short line costs on preparing to parse it. Thread: its owner's.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tocsin_plugins {

class FlatJson {
 public:
  enum class Kind : std::uint8_t { text, integer, real, word, null };
  struct Member {
    std::string_view key, text;  ///< of a number and a word as it stands
    Kind kind = Kind::null;
  };

  /// False: `line` is of another kind, or no JSON at all. `line` must live as long as the members are used.
  bool read(std::string_view line);
  /// Null: there is none of that name. Of several the first.
  const Member* find(std::string_view key) const {
    for (const auto& member : members_)
      if (member.key.size() == key.size() && member.key.starts_with(key.substr(0, 1)) && member.key == key)
        return &member;
    return nullptr;
  }
  bool empty() const noexcept { return members_.empty(); }
  void clear() noexcept { members_.clear(); }

 private:
  static constexpr std::size_t most_members = 64;  ///< beyond it looking through all of them costs more
  std::vector<Member> members_;
};

}  // namespace tocsin_plugins
