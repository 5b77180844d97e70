#include "storage/decision_codec.hpp"

#include <bit>
#include <boost/pfr.hpp>
#include <cstring>
#include <map>
#include <type_traits>

namespace tocsin::storage {
namespace {

using base::fail;
using base::Fault;
using model::Labels;
using model::Matcher;

static_assert(std::endian::native == std::endian::little, "decisions are written as memory has it");

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <class T>
concept Ticks = std::is_same_v<T, base::Time> || std::is_same_v<T, base::Duration>;
template <class T>
concept Struct = std::is_aggregate_v<T> && std::is_class_v<T>;

// --- out ---

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  template <Plain T>
  void put(const T& value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <Ticks T>
  void put(const T& value) {
    put(std::bit_cast<std::int64_t>(value));
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }
  template <class T>
  void put(const std::vector<T>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const T& item : items) put(item);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first), put(pair.second);
  }
  void put(const std::map<std::string, std::string>& map) {
    put(static_cast<std::uint32_t>(map.size()));
    for (const auto& [key, value] : map) put(key), put(value);
  }
  void put(const Labels& labels) {
    put(static_cast<std::uint32_t>(labels.size()));
    for (const auto& [name, value] : labels) put(name), put(value);
  }
  void put(const Matcher& matcher) { put(matcher.label()), put(matcher.op()), put(matcher.value()); }
  void put(const std::shared_ptr<const std::string>& text) {
    put(text != nullptr);
    if (text) put(*text);
  }
  template <Struct T>
  void put(const T& value) {
    const std::size_t begin = out_.size();
    put(std::uint32_t{0});
    boost::pfr::for_each_field(value, [this](const auto& member) { put(member); });
    const auto length = static_cast<std::uint32_t>(out_.size() - begin - sizeof(std::uint32_t));
    std::memcpy(out_.data() + begin, &length, sizeof length);
  }

 private:
  std::string& out_;
};

// --- in ---

/// Takes values off the bytes; after one that is not whole nothing more is taken and good() is false.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool empty() const { return rest_.empty(); }

  template <Plain T>
  void take(T& to) {
    const auto raw = bytes(sizeof to);
    // Nothing but 0 and 1 is a bool.
    if constexpr (std::is_same_v<T, bool>)
      to = good_ && raw[0] != 0;
    else if (good_)
      std::memcpy(&to, raw.data(), sizeof to);
  }
  template <Ticks T>
  void take(T& to) {
    std::int64_t ticks = 0;
    take(ticks);
    to = std::bit_cast<T>(ticks);
  }
  void take(std::string& to) { to = std::string(bytes(count())); }
  template <class T>
  void take(std::vector<T>& to) {
    const std::uint32_t items = count();
    to.clear();
    // An item takes a byte at least, so that a damaged count reserves no more than there are bytes.
    if (items > rest_.size()) good_ = false;
    for (std::uint32_t i = 0; i < items && good_; ++i) take(to.emplace_back());
  }
  template <class A, class B>
  void take(std::pair<A, B>& to) {
    take(to.first), take(to.second);
  }
  void take(std::map<std::string, std::string>& to) {
    std::vector<std::pair<std::string, std::string>> pairs;
    take(pairs);
    to = {pairs.begin(), pairs.end()};
  }
  void take(Labels& to) {
    std::vector<Labels::Pair> pairs;
    take(pairs);
    to = Labels(std::move(pairs));
  }
  void take(std::vector<Matcher>& to) {
    const std::uint32_t items = count();
    to.clear();
    for (std::uint32_t i = 0; i < items && good_; ++i) {
      std::string label, value;
      model::MatchOp op{};
      take(label), take(op), take(value);
      auto made = Matcher::make(std::move(label), op, std::move(value));
      if (made)
        to.push_back(std::move(*made));
      else
        good_ = false;
    }
  }
  void take(std::shared_ptr<const std::string>& to) {
    bool there = false;
    take(there);
    if (!there) return;
    std::string text;
    take(text);
    to = std::make_shared<const std::string>(std::move(text));
  }
  template <Struct T>
  void take(T& to) {
    Decoder inner(bytes(count()));
    boost::pfr::for_each_field(to, [&inner](auto& member) {
      if (!inner.empty()) inner.take(member);
    });
    good_ = good_ && inner.good();
  }

 private:
  std::uint32_t count() {
    std::uint32_t n = 0;
    take(n);
    return n;
  }
  std::string_view bytes(std::size_t n) {
    if (!good_ || n > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

// --- in words ---

template <class T>
struct Word;
template <class T>
std::string word() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_enum_v<T>)
    return word<std::underlying_type_t<T>>();
  else if constexpr (std::is_same_v<T, double>)
    return "real";
  else if constexpr (std::is_integral_v<T>)
    return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8);
  else if constexpr (std::is_same_v<T, base::Time>)
    return "time";
  else if constexpr (std::is_same_v<T, base::Duration>)
    return "span";
  else if constexpr (std::is_same_v<T, std::string>)
    return "text";
  else if constexpr (std::is_same_v<T, Labels>)
    return "labels";
  else if constexpr (std::is_same_v<T, Matcher>)
    return "matcher";
  else if constexpr (Struct<T>) {
    std::string out = "{";
    T value{};
    boost::pfr::for_each_field(value, [&out](const auto& member) {
      out += (out.size() > 1 ? "," : "") + word<std::remove_cvref_t<decltype(member)>>();
    });
    return out + "}";
  } else
    return Word<T>::of();
}
template <class T>
struct Word<std::vector<T>> {
  static std::string of() { return "[" + word<T>() + "]"; }
};
template <class A, class B>
struct Word<std::pair<A, B>> {
  static std::string of() { return word<A>() + ":" + word<B>(); }
};
template <>
struct Word<std::map<std::string, std::string>> {
  static std::string of() { return "[text:text]"; }
};
template <>
struct Word<std::shared_ptr<const std::string>> {
  static std::string of() { return "text?"; }
};

}  // namespace

void encode(const IncidentNumbers& numbers, const std::vector<const model::Changes*>& decisions, std::string& out) {
  Encoder encoder(out);
  encoder.put(std::vector(numbers.begin(), numbers.end()));
  encoder.put(static_cast<std::uint32_t>(decisions.size()));
  for (const model::Changes* decision : decisions) encoder.put(*decision);
}

base::Result<std::vector<model::Changes>> decode_decisions(std::string_view bytes) {
  std::vector<std::pair<std::string, std::uint64_t>> pairs;
  std::vector<model::Changes> decisions;
  Decoder decoder(bytes);
  decoder.take(pairs);
  decoder.take(decisions);
  if (!decoder.good() || !decoder.empty()) return fail(Fault::corrupt, "decisions do not parse");
  const IncidentNumbers numbers(pairs.begin(), pairs.end());
  for (model::Changes& decision : decisions) {
    for (model::Incident& incident : decision.incidents) {
      const auto given = numbers.find(incident.correlation_id);
      if (incident.number == 0 && given != numbers.end()) incident.number = given->second;
    }
  }
  return decisions;
}

std::string shape_of_changes() {
  return word<model::Changes>();
}

}  // namespace tocsin::storage
