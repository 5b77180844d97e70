#include "record_joiner.hpp"

#include <algorithm>

namespace tocsin_plugins::logtail {
namespace {

constexpr std::size_t most_kept = 64 * 1024;  ///< memory of a text that a joiner keeps for the next one

}  // namespace

void RecordJoiner::Held::begin(std::string_view first, const Line& line) {
  active = true;
  text.assign(first);
  lines = 1;
  number = line.number;
  written = line.written;
  stream = line.stream;
}

void RecordJoiner::Held::mark(const Mark& at) {
  if (!in(at.file)) marks.push_back(at);
}

void RecordJoiner::Held::clear() {
  active = false;
  text.clear();
  if (text.capacity() > most_kept) text.shrink_to_fit();
  marks.clear();
  lines = 0;
}

const RecordJoiner::Mark* RecordJoiner::Held::in(FileId file) const {
  const auto at = std::ranges::find(marks, file, &Mark::file);
  return at == marks.end() ? nullptr : &*at;
}

const RecordJoiner::Mark* RecordJoiner::held(FileId file, std::size_t stream) const {
  const auto& of = streams_[stream];
  const auto* record = of.record.in(file);
  return record ? record : of.partial.in(file);
}

bool RecordJoiner::holds_partial(FileId file) const {
  return std::ranges::any_of(streams_, [&](const auto& stream) { return stream.partial.in(file) != nullptr; });
}

bool RecordJoiner::empty() const {
  return std::ranges::none_of(streams_,
                              [](const auto& stream) { return stream.partial.active || stream.record.active; });
}

void RecordJoiner::truncated(FileId file) {
  for (auto& stream : streams_)
    for (auto* held : {&stream.partial, &stream.record}) {
      if (!held->in(file)) continue;
      std::erase_if(held->marks, [&](const Mark& mark) { return mark.file == file; });
      stream.ended = true;
    }
}

void RecordJoiner::append(std::string& text, std::string_view more, std::size_t most) {
  const auto room = most - std::min(text.size(), most);
  if (more.size() > room && text.size() <= most) {
    ++shared_.counts.cut;
    text.append(more.substr(0, room));
    text.push_back('\0');  // beyond the most: the rest is not counted again
    return;
  }
  if (text.size() <= most) text.append(more);
}

bool RecordJoiner::take(const Line& line, FileId file, const Taken& taken, std::uint64_t lines) {
  if (!origin.wanted) return ++shared_.counts.unwanted, true;
  ContainerLine inside;
  const bool malformed = !shared_.unwrapper.unwrap(line.text, shared_.format, inside);
  if (malformed) inside = {line.text, {}, {}, false};
  const std::size_t index = inside.stream == "stderr";
  if (line.offset < taken[index]) return true;
  auto& stream = streams_[index];
  if (stream.ended) {
    if (!end_partial(stream, line.file, line.last_time)) return false;
    if (stream.record.active && !end_record(stream, line.file, line.last_time)) return false;
    stream.ended = false;
  }
  const Line unwrapped{inside.text,    line.file,      line.offset,   line.number,
                       line.last_time, inside.written, inside.stream, &origin};
  const Mark at{file, line.offset, lines};
  const bool joins = inside.partial || stream.partial.active;
  if (joins ? !take_partial(stream, inside, unwrapped, at)
            : !take_whole(stream, inside.text.substr(0, shared_.max_line), unwrapped, {&at, 1}))
    return false;
  shared_.counts.malformed += malformed;
  shared_.counts.cut += !joins && inside.text.size() > shared_.max_line;
  return true;
}

bool RecordJoiner::take_partial(Stream& stream, const ContainerLine& inside, const Line& line, const Mark& at) {
  auto& held = stream.partial;
  const auto before = held.text.size();
  const auto cut_before = shared_.counts.cut;
  if (!held.active) held.begin({}, line);
  append(held.text, inside.text, shared_.max_line);
  const auto marks = held.marks.size();
  held.mark(at);
  held.since = shared_.now;
  if (inside.partial) return true;
  const Line whole{held.text,      line.file,    held.offset(), held.number,
                   line.last_time, held.written, held.stream,   &origin};
  if (!take_whole(stream, whole.text.substr(0, shared_.max_line), whole, held.marks)) {
    held.text.resize(before);
    held.marks.resize(marks);
    shared_.counts.cut = cut_before;
    return false;
  }
  held.clear();
  return true;
}

bool RecordJoiner::take_whole(Stream& stream, std::string_view text, const Line& line, std::span<const Mark> marks) {
  const auto handed_over = [&] {
    return shared_.next.take(
        {text, line.file, line.offset, line.number, line.last_time, line.written, line.stream, line.origin});
  };
  if (!multiline_) return handed_over();
  auto& held = stream.record;
  auto trace = held.active ? held.trace : Trace::none;
  const bool continues = multiline_.continues(text, trace) && held.active;
  const bool fits = held.lines < multiline_.max_lines() && held.text.size() + text.size() < multiline_.max_bytes();
  if (continues && fits) {
    held.text.append(1, '\n').append(text);
    ++held.lines;
  } else {
    if (held.active && !end_record(stream, line.file, line.last_time)) return false;
    shared_.counts.split += continues;
    held.begin(text, line);
  }
  held.trace = trace;
  held.since = shared_.now;
  for (const auto& mark : marks) held.mark(mark);
  return true;
}

bool RecordJoiner::end_partial(Stream& stream, const std::string& file, std::optional<tsn::Time>& last_time) {
  auto& held = stream.partial;
  if (!held.active) return true;
  const Line line{held.text, file, held.offset(), held.number, last_time, held.written, held.stream, &origin};
  if (!take_whole(stream, line.text.substr(0, shared_.max_line), line, held.marks)) return false;
  held.clear();
  return true;
}

bool RecordJoiner::end_record(Stream& stream, const std::string& file, std::optional<tsn::Time>& last_time) {
  auto& held = stream.record;
  if (!shared_.next.take({held.text, file, held.offset(), held.number, last_time, held.written, held.stream, &origin}))
    return false;
  held.clear();
  return true;
}

bool RecordJoiner::flush(bool all, const std::string& file, std::optional<tsn::Time>& last_time) {
  for (auto& stream : streams_) {
    const auto due = [&](const Held& held, tsn::Time after) {
      return held.active && (all || stream.ended || shared_.now - held.since >= after);
    };
    if (due(stream.partial, partial_timeout) && !end_partial(stream, file, last_time)) return false;
    if (due(stream.record, multiline_.timeout()) && !end_record(stream, file, last_time)) return false;
    stream.ended = false;
  }
  return true;
}

}  // namespace tocsin_plugins::logtail
