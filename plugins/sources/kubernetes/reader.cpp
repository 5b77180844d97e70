#include "reader.hpp"

#include "kubernetes_api/refusal.hpp"

namespace tocsin_plugins::kube {
namespace {

bool type_of(std::string_view word, Change::Type& out) {
  constexpr std::pair<std::string_view, Change::Type> words[] = {{"ADDED", Change::Type::added},
                                                                 {"MODIFIED", Change::Type::modified},
                                                                 {"DELETED", Change::Type::deleted},
                                                                 {"BOOKMARK", Change::Type::bookmark},
                                                                 {"ERROR", Change::Type::error}};
  for (const auto& [name, type] : words)
    if (name == word) return out = type, true;
  return false;
}

}  // namespace

Reader::Reader(std::size_t longest_line) : lines_(longest_line) {}

bool Reader::page(std::string_view body, Kind kind, Page& out, std::string& error) {
  out = Page{};
  simdjson::dom::parser parser;  // a page's buffers are many times its size: they go with it
  Json root, list;
  if (const auto code = parser.parse(body.data(), body.size()).get(root); code != simdjson::SUCCESS)
    return error = simdjson::error_message(code), false;
  if (!find(root, {"metadata"}, list)) return error = "it has no metadata", false;
  out.version = text_at(root, {"metadata", "resourceVersion"});
  out.next = text_at(root, {"metadata", "continue"}, 8192);
  if (out.version.empty()) return error = "it has no metadata.resourceVersion", false;
  for_each(root, {"items"}, [&](const Json& item) {
    Object object;
    if (!read_object(kind, item, object)) return;
    if (kind == Kind::nodes) out.names.push_back(object.key);
    out.objects.push_back(std::move(object));
  });
  return true;
}

bool Reader::change(std::string_view line, Kind kind, Change& out, std::string& error) {
  out = Change{};
  Json root, object;
  if (const auto code = lines_.parse(line.data(), line.size()).get(root); code != simdjson::SUCCESS)
    return error = simdjson::error_message(code), false;
  if (!type_of(text_at(root, {"type"}), out.type)) return error = "its type is none that is known", false;
  if (!find(root, {"object"}, object)) return error = "it has no object", false;
  if (out.type == Change::Type::error) {
    auto status = read_refusal(object);
    out.code = status.code, out.message = std::move(status.message), out.retry_seconds = status.retry_seconds;
    return true;
  }
  if (out.type == Change::Type::bookmark) {
    out.object.version = text_at(object, {"metadata", "resourceVersion"});
    return out.object.version.empty() ? (error = "a bookmark has no resourceVersion", false) : true;
  }
  if (!read_object(kind, object, out.object)) return error = "its object has no name", false;
  if (out.object.version.empty()) return error = "its object has no resourceVersion", false;
  if (kind == Kind::nodes) out.name = out.object.key;
  return true;
}

bool Reader::summary(std::string_view body, std::vector<Volume>& out, std::string& error) {
  out.clear();
  simdjson::dom::parser parser;
  Json root;
  if (const auto code = parser.parse(body.data(), body.size()).get(root); code != simdjson::SUCCESS)
    return error = simdjson::error_message(code), false;
  Json pods;
  if (!find(root, {"node"}, pods)) return error = "it is no summary of a kubelet", false;
  for_each(root, {"pods"}, [&](const Json& pod) {
    for_each(pod, {"volume"}, [&](const Json& volume) {
      Volume made;
      made.claim = text_at(volume, {"pvcRef", "name"});
      made.space = text_at(volume, {"pvcRef", "namespace"});
      made.capacity = number_at(volume, {"capacityBytes"});
      made.used = number_at(volume, {"usedBytes"}, -1);
      made.inodes = number_at(volume, {"inodes"});
      made.inodes_used = number_at(volume, {"inodesUsed"});
      // Without a capacity the kubelet has not measured it yet.
      if (!made.claim.empty() && made.capacity > 0 && made.used >= 0) out.push_back(std::move(made));
    });
  });
  return true;
}

}  // namespace tocsin_plugins::kube
