#include "alertmanager/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "base/text.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Place;
using base::Value;

/// A configuration has some thousand values; aliases of aliases make millions of a few lines.
constexpr std::size_t most_values = 200'000;

/// Builds the tree from the parser's events. Its own findings leave as the parser's exceptions do.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& file) : file_(std::make_shared<const std::string>(file)) {}

  Value take() {
    if (!root_.place.file) root_.place = {file_, 1, 1};
    return std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(Value(), mark, anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    plain_ = tag == "?";
    leaf(Value(value), mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw YAML::ParserException(mark, "an alias that stands inside of what it names");
    count(known->second.values, mark);
    if (!frames_.empty()) frames_.back().values += known->second.values;
    add(known->second.value, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(Value(Value::Array()), mark, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(Value(Value::Table()), mark, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Frame {
    Value value;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::size_t values = 1;
    std::optional<std::pair<std::string, Place>> key;  ///< of a table: read, its value is not
    bool merge = false;                                ///< that key is `<<`
    std::vector<Value> merged;
  };
  struct Anchored {
    Value value;
    std::size_t values = 1;
  };

  Place place(const YAML::Mark& mark) const {
    return {file_, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
  }

  void count(std::size_t values, const YAML::Mark& mark) {
    values_ += values;
    if (values_ > most_values) throw YAML::ParserException(mark, "too many values: aliases of aliases?");
  }

  void leaf(Value value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(1, mark);
    value.place = place(mark);
    if (anchor != 0) anchors_[anchor] = {value, 1};
    if (!frames_.empty()) ++frames_.back().values;
    add(std::move(value), mark);
  }

  void begin(Value value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(1, mark);
    if (!frames_.empty() && frames_.back().value.table() && !frames_.back().key) not_a_key(mark);
    value.place = place(mark);
    Frame frame;
    frame.value = std::move(value);
    frame.mark = mark;
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
  }

  void end() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (Value& each : frame.merged) merge(frame.value, each);
    if (frame.anchor != 0) anchors_[frame.anchor] = {frame.value, frame.values};
    if (!frames_.empty()) frames_.back().values += frame.values;
    plain_ = false;
    add(std::move(frame.value), frame.mark);
  }

  [[noreturn]] static void not_a_key(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, "a key must be a single word");
  }

  void add(Value value, const YAML::Mark& mark) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& top = frames_.back();
    if (Value::Array* items = top.value.array()) {
      items->push_back(std::move(value));
      return;
    }
    if (!top.key) {
      if (!value.string()) not_a_key(mark);
      top.merge = plain_ && *value.string() == "<<";
      top.key.emplace(*value.string(), place(mark));
      return;
    }
    auto [key, key_place] = *std::exchange(top.key, std::nullopt);
    if (std::exchange(top.merge, false)) return merge_later(top, std::move(value), mark);
    if (top.value.find(key))
      throw YAML::ParserException(mark_of(key_place), "the key \"" + key + "\" stands here twice");
    top.value.table()->push_back({std::move(key), std::move(value), key_place});
  }

  static YAML::Mark mark_of(const Place& place) {
    YAML::Mark mark;
    mark.pos = 0;
    mark.line = static_cast<int>(place.line) - 1;
    mark.column = static_cast<int>(place.column) - 1;
    return mark;
  }

  static void merge_later(Frame& top, Value value, const YAML::Mark& mark) {
    if (value.table()) {
      top.merged.push_back(std::move(value));
      return;
    }
    if (!value.array()) throw YAML::ParserException(mark, "<< needs a map or a list of maps");
    for (Value& each : *value.array()) {
      if (!each.table()) throw YAML::ParserException(mark, "<< needs a map or a list of maps");
      top.merged.push_back(std::move(each));
    }
  }

  /// Keys that are there already win, and so do earlier maps of a list.
  static void merge(Value& into, Value& from) {
    for (Value::Member& member : *from.table()) {
      if (!into.find(member.key)) into.table()->push_back(std::move(member));
    }
  }

  std::shared_ptr<const std::string> file_;
  Value root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t values_ = 0;
  bool plain_ = false;  ///< the last scalar had no quotes
};

std::unexpected<base::Error> refused(config::Diagnostics& diagnostics, const Place& place, const std::string& message) {
  config::error_at(diagnostics, place, message);
  return base::fail(base::Fault::invalid, diagnostics.back().text());
}

}  // namespace

base::Result<Value> parse_yaml(std::string_view text, const std::string& file_name, config::Diagnostics& diagnostics) {
  Place place{std::make_shared<const std::string>(file_name), 0, 0};
  if (!base::valid_utf8(text)) return refused(diagnostics, place, "is not UTF-8");
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(file_name);
    parser.HandleNextDocument(builder);
    return builder.take();
  } catch (const YAML::Exception& error) {
    place.line = static_cast<std::uint32_t>(error.mark.line + 1);
    place.column = static_cast<std::uint32_t>(error.mark.column + 1);
    return refused(diagnostics, place, "YAML: " + error.msg);
  } catch (const std::exception& error) {
    return refused(diagnostics, place, std::string("YAML: ") + error.what());
  }
}

}  // namespace tocsin::alertmanager
