// links: tocsin_plugin_host
// libFuzzer target for the tables a hostile plugin returns: types with their lists (read_types), and trees of values
// (read_value). The input chooses sizes, counts, strides and which pointers are null; where a pointer is given, what it
// leads to has the room that count and stride claim, because that nobody can check.
#include <cstddef>
#include <deque>
#include <vector>

#include "base/text.hpp"
#include "plugin_host/library.hpp"
#include "plugin_host/value_view.hpp"
#include "target.hpp"

using namespace tocsin;
using namespace tocsin::plugin_host;
using fuzz::require;

namespace {

/// Makes structures out of an input and keeps what they point to.
class Maker {
 public:
  explicit Maker(fuzz::Input& input) : input_(input) {}

  tsn_str text() {
    const std::uint32_t kind = input_.below(8);
    if (kind == 0) return {nullptr, input_.take<std::uint32_t>()};
    if (kind == 1) return {"", 0};
    const auto& kept = texts_.emplace_back(input_.bytes(input_.below(24)));
    return {kept.data(), static_cast<std::uint32_t>(kept.view().size())};
  }
  /// An array of `count` elements `stride` apart, as far as that can be; else null.
  char* room(std::uint32_t count, std::uint32_t stride) {
    const std::uint64_t bytes = std::uint64_t{count} * stride;
    if (bytes > (1u << 16) || input_.below(16) == 0) return nullptr;
    auto& block = blocks_.emplace_back(std::make_unique<std::uint64_t[]>(bytes / 8));
    if (bytes % 8 != 0) block.reset(new std::uint64_t[bytes / 8 + 1]());
    return reinterpret_cast<char*>(block.get());
  }
  std::uint32_t number(std::uint32_t usual) { return input_.below(8) == 0 ? input_.take<std::uint32_t>() : usual; }

  /// Fills an array of T with make(); `list`, `count` and `stride` are what the structure says.
  template <class T, class Make>
  void list(const T*& at, std::uint32_t& count, std::uint32_t& stride, Make make) {
    count = number(input_.below(5));
    stride = number(sizeof(T) + 8 * input_.below(2));
    char* items = room(count, stride);
    at = reinterpret_cast<const T*>(items);
    if (items == nullptr) return;
    for (std::uint32_t i = 0; i < count && stride >= sizeof(T); ++i) {
      const T one = make();
      std::memcpy(items + std::size_t{i} * stride, &one, sizeof one);
    }
  }

  tsn_value value(unsigned depth) {
    tsn_value out{};
    out.type = number(input_.below(9));
    out.line = input_.byte();
    out.i = input_.take<std::int64_t>();
    if (out.type == TSN_STRING) out.s = text();
    if (out.type != TSN_ARRAY && out.type != TSN_TABLE) return out;
    if (depth > 40) return out;
    list(out.items, out.count, out.stride, [&] { return value(depth + 1); });
    if (out.items != nullptr && out.type == TSN_TABLE && out.count < 4096 && input_.below(8) != 0) {
      auto& keys = keys_.emplace_back(out.count);
      for (tsn_str& key : keys) key = text();
      out.keys = keys.data();
    }
    // A table that holds itself: only the limits end it.
    if (out.count > 0 && out.items != nullptr && out.stride >= sizeof out && input_.below(16) == 0)
      std::memcpy(const_cast<tsn_value*>(out.items), &out, sizeof out);
    return out;
  }

  tsn_option option() {
    tsn_option out{};
    out.key = text();
    out.type = input_.below(12);
    out.flags = input_.byte();
    out.fallback = text();
    out.choices = text();
    return out;
  }

  tsn_type* type() {
    tsn_type& out = types_.emplace_back();
    out = {};
    out.size = number(sizeof out);
    if (out.size > sizeof out) out.size = sizeof out;  // larger would claim room that is not there
    out.kinds = number(1u << input_.below(4));
    out.id = text();
    out.version = text();
    if (input_.below(8) != 0)
      out.create = [](const tsn_host*, const tsn_create*, void**, tsn_err*) noexcept -> tsn_status {
        return TSN_FAILED;
      };
    list(out.options, out.option_count, out.option_stride, [&] { return option(); });
    list(out.signals, out.signal_count, out.signal_stride,
         [&] { return tsn_signal_doc{text(), text(), text(), text()}; });
    list(out.needs, out.need_count, out.need_stride, [&] { return text(); });
    if (out.kinds & TSN_KIND_DETECTOR) out.detector = detector();
    if (out.kinds & TSN_KIND_NOTIFIER) {
      tsn_notifier_vtable& table = notifiers_.emplace_back();
      table = {};
      table.size = number(sizeof table) % (sizeof table + 1);
      table.address_field = text();
      if (input_.below(8) != 0)
        table.deliver = [](void*, tsn_token, const tsn_message*, std::int64_t, tsn_delivered*,
                           tsn_err*) noexcept -> tsn_status { return TSN_FAILED; };
      out.notifier = &table;
    }
    return &out;
  }

 private:
  const tsn_detector_vtable* detector() {
    tsn_detector_vtable& table = detectors_.emplace_back();
    table = {};
    table.size = number(sizeof table) % (sizeof table + 1);
    list(table.rule_options, table.rule_option_count, table.rule_option_stride, [&] { return option(); });
    return &table;
  }

  fuzz::Input& input_;
  std::deque<fuzz::Exact> texts_;
  std::deque<std::unique_ptr<std::uint64_t[]>> blocks_;
  std::deque<std::vector<tsn_str>> keys_;
  std::deque<tsn_type> types_;
  std::deque<tsn_notifier_vtable> notifiers_;
  std::deque<tsn_detector_vtable> detectors_;
};

void types(fuzz::Input& input) {
  Maker maker(input);
  std::vector<const tsn_type*> list;
  for (std::uint32_t n = input.below(6); n > 0; --n) list.push_back(input.below(16) == 0 ? nullptr : maker.type());
  tsn_plugin plugin{};
  plugin.size = std::min<std::uint32_t>(maker.number(sizeof plugin), sizeof plugin);
  plugin.abi = maker.number(TSN_ABI_VERSION);
  plugin.type_count = static_cast<std::uint32_t>(list.size());
  plugin.types = list.data();
  const auto read = read_types(input.below(32) == 0 ? nullptr : &plugin, "x.so");
  if (!read) return require(!read.error().message().empty(), "a refusal says why");
  require(!read->empty() && read->size() == list.size(), "every type is read");
  for (const LibraryType& type : *read) {
    require(!type.description.id.empty() && type.table.create != nullptr, "a type has an id and can be made");
    require(type.description.options.size() == type.table.option_count, "every option is read");
  }
}

void values(fuzz::Input& input) {
  Maker maker(input);
  const tsn_value root = maker.value(0);
  const auto value = read_value(&root, "rules.lua");
  if (!value) return;
  const std::string json = base::to_json(*value);
  require(base::valid_utf8(json), "a value's texts are UTF-8");
  const ValueView view(*value);
  const auto again = read_value(view.root(), "rules.lua");
  require(again && base::to_json(*again) == json, "a value shown to a plugin reads as the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if (input.below(2) == 0)
    types(input);
  else
    values(input);
  return 0;
}
