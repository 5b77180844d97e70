// The server's JSON: pages of lists, lines of watches, a kubelet's summary.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <vector>

#include "facts.hpp"

namespace tocsin_plugins::kube {

struct Page {
  std::string next;     ///< `continue` of the next page; empty: this is the last
  std::string version;  ///< of the whole list: where a watch begins
  std::vector<Object> objects;
  std::vector<std::string> names;  ///< of nodes, for the summaries
};

struct Change {
  enum class Type { added, modified, deleted, bookmark, error } type = Type::error;
  Object object;
  std::string name;  ///< of a node
  // --- errors ---
  int code = 0;
  std::string message;
  int retry_seconds = 0;
};

/// A claim's volume as a kubelet sees it.
struct Volume {
  std::string space, claim;
  double used = 0, capacity = 0;  ///< bytes
  double inodes_used = 0, inodes = 0;
};

/// Keeps the parser's buffers from line to line.
class Reader {
 public:
  explicit Reader(std::size_t longest_line);
  /// False: it is no list of that kind; `error` says why.
  static bool page(std::string_view body, Kind kind, Page& out, std::string& error);
  bool change(std::string_view line, Kind kind, Change& out, std::string& error);
  static bool summary(std::string_view body, std::vector<Volume>& out, std::string& error);

 private:
  simdjson::dom::parser lines_;
};

}  // namespace tocsin_plugins::kube
