#include "plugin_host/runner/evaluation.hpp"

#include <algorithm>
#include <cstring>

#include "plugin_host/abi_text.hpp"

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;

namespace {

constexpr std::uint32_t most_text = 1u << 20;

}  // namespace

void write_rows(Writer& out, std::uint64_t program, const tsn_rows& rows, std::uint32_t first, std::uint32_t count,
                std::uint32_t text_cap) {
  out(program, count, rows.columns, rows.label_count, std::min(text_cap, most_text));
  out.raw(rows.cells + std::size_t{first} * rows.columns, std::size_t{count} * rows.columns * sizeof(double));
  out.raw(rows.at + first, std::size_t{count} * sizeof(std::int64_t));
  for (std::uint32_t row = first; row < first + count; ++row) {
    for (std::uint32_t k = 0; k < rows.label_count; ++k) {
      const tsn_label& label = rows.labels[row][k];
      out(view(label.name), view(label.value));
    }
  }
}

base::Result<void> read_verdicts(Reader& in, std::uint32_t first, std::uint32_t count, tsn_verdicts& verdicts) {
  const auto bad = [] { return fail(Fault::corrupt, "the runner's verdicts cannot be read"); };
  if (in.value<std::uint32_t>() != count) return bad();
  const std::string_view items = in.raw(std::size_t{count} * sizeof(tsn_verdict));
  const std::string_view text = in.text();
  if (!in.good()) return bad();
  const std::uint32_t base = verdicts.text_used;
  const auto room = std::min<std::size_t>(text.size(), verdicts.text_cap - base);
  if (room > 0) std::memcpy(verdicts.text + base, text.data(), room);
  verdicts.text_used = base + static_cast<std::uint32_t>(room);
  for (std::uint32_t i = 0; i < count; ++i) {
    tsn_verdict one;
    std::memcpy(&one, items.data() + i * sizeof one, sizeof one);
    if (one.message_n > 0) {
      if (one.message_at > text.size() || one.message_n > text.size() - one.message_at) return bad();
      one.message_n =
          one.message_at >= room ? 0 : std::min(one.message_n, static_cast<std::uint32_t>(room) - one.message_at);
      one.message_at += base;
    }
    if (one.state > TSN_VERDICT_AGAIN || one.severity > TSN_SEV_CRITICAL)
      one = {TSN_VERDICT_KEEP, 0, one.value, one.threshold, 0, 0};
    std::memcpy(reinterpret_cast<char*>(verdicts.items) + std::size_t{first + i} * verdicts.stride, &one, sizeof one);
  }
  return {};
}

bool Evaluation::read(std::string_view content) {
  Reader in(content);
  std::uint32_t count = 0, columns = 0, label_count = 0, text_cap = 0;
  in(program_, count, columns, label_count, text_cap);
  if (!in.good() || count > in.left() || label_count > in.left() || columns > in.left()) return false;
  const std::string_view cells = in.raw(std::size_t{count} * columns * sizeof(double));
  const std::string_view at = in.raw(std::size_t{count} * sizeof(std::int64_t));
  if (!in.good()) return false;
  cells_.resize(std::size_t{count} * columns);
  at_.resize(count);
  if (!cells.empty()) std::memcpy(cells_.data(), cells.data(), cells.size());
  if (!at.empty()) std::memcpy(at_.data(), at.data(), at.size());
  labels_.clear();
  for (std::uint64_t i = 0; i < std::uint64_t{count} * label_count && in.good(); ++i) {
    const std::string_view name = in.text(), value = in.text();
    labels_.push_back({str(name), str(value)});
  }
  if (!in.good()) return false;
  label_rows_.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) label_rows_[i] = labels_.data() + std::size_t{i} * label_count;
  items_.assign(count, tsn_verdict{});
  text_.resize(std::min(text_cap, most_text));
  rows_ = {};
  rows_.size = sizeof rows_;
  rows_.rows = count;
  rows_.columns = columns;
  rows_.label_count = label_count;
  rows_.cells = cells_.data();
  rows_.at = at_.data();
  rows_.labels = label_rows_.data();
  verdicts_ = {
      sizeof verdicts_, sizeof(tsn_verdict), items_.data(), text_.data(), static_cast<std::uint32_t>(text_.size()), 0};
  return true;
}

void Evaluation::write_verdicts(Writer& out) const {
  out(rows_.rows);
  out.raw(items_.data(), items_.size() * sizeof(tsn_verdict));
  out(std::string_view(text_.data(), std::min<std::size_t>(verdicts_.text_used, text_.size())));
}

}  // namespace tocsin::plugin_host::runner
