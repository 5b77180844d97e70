// The one table of routes: it dispatches, and the OpenAPI document is written from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.hpp"
#include "api/problem.hpp"
#include "api/query.hpp"

namespace tocsin::api {

struct Parameter {
  std::string_view name;
  std::string_view type = "string";  ///< of JSON Schema
  std::string_view doc;
  std::string_view valid = {};     ///< allowed words, with spaces between
  std::string_view fallback = {};  ///< JSON
  bool repeated = false;
};

enum RouteFlag : std::uint32_t {
  route_inline = 1u,   ///< never blocks: answered on the io thread
  route_health = 2u,   ///< also on the health listener
  route_lenient = 4u,  ///< parameters it does not know are ignored
  /// Of several agents on one database only the one that decides can answer: asked of another, it is passed on.
  /// Without it, the agent that is asked answers.
  route_decider = 8u,
  route_repeatable = 16u,  ///< asked twice it does no more than asked once; every GET is so without saying it
  /// The path itself is the right to ask it: no login is needed, and a page from anywhere may lead here.
  route_open = 32u,
  route_page = 64u,           ///< its answers are pages for people, refusals too
  route_alertmanager = 128u,  ///< asked for what [source.alertmanager] auth says
};

struct Route;
/// A request on its way into a handler. Views stay valid until the handler returns.
struct Call {
  const Request& request;
  const Query& query;
  std::vector<std::string> path;  ///< values of the {…} segments, decoded
  std::span<const Route> routes;
};
using Handler = Outcome (*)(Backend&, const Call&);

struct Route {
  std::string_view method, pattern, summary;
  Handler handler = nullptr;
  std::uint32_t flags = 0;
  std::span<const Parameter> query;
  std::string_view request_schema = {};  ///< name in components/schemas; empty: no body
  std::string_view answer_schema = {};   ///< likewise; empty: text
  unsigned status = 200;
  std::string_view answer_type = "application/json";
  std::string_view request_type = "application/json";
};

inline bool repeatable(const Route& route) {
  return route.method == "GET" || (route.flags & route_repeatable) != 0;
}

std::span<const Route> routes();

/// What a path leads to.
struct Match {
  const Route* route = nullptr;  ///< null: no route for this method
  std::vector<std::string> path;
  std::string allow;  ///< methods of the path, for Allow; empty: the path is unknown
};
Match find_route(std::string_view method, std::string_view path, bool health_only);

/// The route whose path is closest to a mistyped one, empty if none is near enough. `further`: paths of plugins.
std::string nearest_route(std::string_view path, const std::vector<std::string>& further);

/// Further routes, those of plugins, in the same document.
std::string openapi_document(std::span<const Route> routes, const std::vector<model::RouteDoc>& further);
/// components/schemas of the document, as JSON.
std::string_view schemas_json();

}  // namespace tocsin::api
