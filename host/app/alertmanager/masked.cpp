#include <yaml-cpp/emitter.h>

#include "alertmanager/document.hpp"
#include "alertmanager/shape.hpp"
#include "alertmanager/words.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Value;

/// Texts are quoted, so that none of them looks like a number or a null to the next reader.
class MaskedWriter {
 public:
  std::string run(const Value& root) {
    object(root, file_shape());
    return std::string(out_.c_str()) + "\n";
  }

 private:
  void object(const Value& value, const Shape& shape) {
    out_ << YAML::BeginMap;
    for (const Value::Member& member : *value.table()) {
      const Key* key = shape.find(member.key);
      if (!key || member.value.is_null()) continue;
      out_ << YAML::Key << member.key << YAML::Value;
      one(member.value, *key);
    }
    out_ << YAML::EndMap;
  }

  void one(const Value& value, const Key& key) {
    if (value.array()) {
      out_ << YAML::BeginSeq;
      for (const Value& item : *value.array()) one(item, key);
      out_ << YAML::EndSeq;
    } else if (value.table() && key.shape) {
      object(value, *key.shape);
    } else if (value.table()) {
      out_ << YAML::BeginMap;
      for (const Value::Member& member : *value.table()) {
        out_ << YAML::Key << YAML::DoubleQuoted << member.key << YAML::Value;
        scalar(member.value, Kind::text);
      }
      out_ << YAML::EndMap;
    } else {
      scalar(value, key.kind);
    }
  }

  void scalar(const Value& value, Kind kind) {
    const std::string text = value.string() ? *value.string() : std::string();
    if (kind == Kind::flag || kind == Kind::integer || kind == Kind::duration || kind == Kind::go_duration) {
      out_ << text;
    } else if ((kind == Kind::secret || kind == Kind::secret_url) && !text.empty()) {
      out_ << "<secret>";
    } else if (const auto url = parse_url(text); kind == Kind::url && url && !url->password.empty()) {
      const std::size_t host = url->without_user.find("://") + 3;
      out_ << YAML::DoubleQuoted
           << url->without_user.substr(0, host) + url->user + ":xxxxx@" + url->without_user.substr(host);
    } else {
      out_ << YAML::DoubleQuoted << text;
    }
  }

  YAML::Emitter out_;
};

}  // namespace

std::string masked(const Value& document) {
  if (!document.table()) return {};
  return MaskedWriter().run(document);
}

}  // namespace tocsin::alertmanager
