// The OpenAPI 3.0.3 document, written from the route table (routes.cpp) and the schemas (schemas.cpp).
#include "api/json_writer.hpp"
#include "api/routes.hpp"
#include "api/server.hpp"
#include "base/text.hpp"

namespace tocsin::api {
namespace {

constexpr std::string_view answered_by_decider =
    "Of several agents on one database the one that decides answers this; another one passes it on.";

void write_type(JsonWriter& json, const Parameter& parameter) {
  json.open_object().field("type", parameter.type);
  if (!parameter.valid.empty()) {
    json.key("enum").open_array();
    for (std::string_view word : base::split(parameter.valid, ' ')) json.text(word);
    json.close_array();
  }
  if (!parameter.fallback.empty()) json.key("default").raw(parameter.fallback);
  json.close_object();
}

void write_parameter(JsonWriter& json, const Parameter& parameter) {
  json.open_object().field("name", parameter.name).field("in", "query").field("description", parameter.doc);
  json.key("schema");
  if (parameter.repeated) {
    json.open_object().field("type", "array").key("items");
    write_type(json, parameter);
    json.close_object().field("style", "form").field("explode", true);
  } else {
    write_type(json, parameter);
  }
  json.close_object();
}

void write_path_parameters(JsonWriter& json, std::string_view pattern) {
  for (std::size_t open = pattern.find('{'); open != pattern.npos; open = pattern.find('{', open + 1)) {
    std::string_view name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
    json.open_object().field("name", name).field("in", "path").field("required", true);
    json.key("schema").open_object().field("type", "string").close_object().close_object();
  }
}

void write_content(JsonWriter& json, std::string_view type, std::string_view schema) {
  json.key("content").open_object().key(type).open_object().key("schema").open_object();
  if (schema.empty())
    json.field("type", "string");
  else
    json.field("$ref", "#/components/schemas/" + std::string(schema));
  json.close_object().close_object().close_object();
}

void write_answers(JsonWriter& json, const Route& route) {
  json.key("responses").open_object().key(std::to_string(route.status)).open_object();
  json.field("description", reason_phrase(route.status));
  if (!route.answer_type.empty()) write_content(json, route.answer_type, route.answer_schema);
  json.close_object().key("default").open_object();
  if (route.pattern.starts_with("/api/v2/")) {
    json.field("description", "An error in Alertmanager's forms");
    write_content(json, "application/json", "AmError");
  } else if ((route.flags & route_page) != 0) {
    json.field("description", "A page that says why");
    write_content(json, "text/html", {});
  } else {
    json.field("description", "A problem (RFC 9457)");
    write_content(json, "application/problem+json", "Problem");
  }
  json.close_object().close_object();
}

void write_operation(JsonWriter& json, const Route& route) {
  std::string method = base::lower(route.method);
  json.key(method).open_object().field("summary", route.summary);
  if ((route.flags & route_decider) != 0) json.field("description", answered_by_decider);
  json.field("operationId", method + " " + std::string(route.pattern));
  json.key("parameters").open_array();
  write_path_parameters(json, route.pattern);
  for (const Parameter& parameter : route.query) write_parameter(json, parameter);
  json.close_array();
  if (!route.request_schema.empty()) {
    json.key("requestBody").open_object();
    write_content(json, route.request_type, route.request_schema);
    json.close_object();
  }
  write_answers(json, route);
  json.close_object();
}

void write_plugin_operation(JsonWriter& json, const model::RouteDoc& route) {
  std::string method = base::lower(route.method);
  json.key(method).open_object().field("summary", route.doc.empty() ? "Served by a plugin" : route.doc);
  json.field("operationId", method + " " + route.path);
  if (route.path.ends_with("/*")) {
    json.key("parameters").open_array();
    write_path_parameters(json, "{rest}");
    json.close_array();
  }
  json.key("responses").open_object().key("default").open_object().field("description", "As the plugin's page says");
  json.close_object().close_object().close_object();
}

std::string template_of(const std::string& path) {
  return path.ends_with("/*") ? path.substr(0, path.size() - 1) + "{rest}" : path;
}

/// Operations of one path stand together, whatever the order of the table.
void write_paths(JsonWriter& json, std::span<const Route> routes, const std::vector<model::RouteDoc>& further) {
  std::vector<std::string> paths;
  auto add = [&](std::string path) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
  };
  for (const Route& route : routes) add(std::string(route.pattern));
  for (const model::RouteDoc& route : further) add(template_of(route.path));
  json.key("paths").open_object();
  for (const std::string& path : paths) {
    json.key(path).open_object();
    std::vector<std::string> methods;
    auto first = [&](std::string_view method) {
      std::string lower = base::lower(method);
      bool is_new = std::find(methods.begin(), methods.end(), lower) == methods.end();
      methods.push_back(std::move(lower));
      return is_new;
    };
    for (const Route& route : routes) {
      if (route.pattern == path && first(route.method)) write_operation(json, route);
    }
    for (const model::RouteDoc& route : further) {
      if (template_of(route.path) == path && first(route.method)) write_plugin_operation(json, route);
    }
    json.close_object();
  }
  json.close_object();
}

}  // namespace

std::string openapi_document(std::span<const Route> routes, const std::vector<model::RouteDoc>& further) {
  std::string out;
  JsonWriter json(out);
  json.open_object().field("openapi", "3.0.3").key("info").open_object().field("title", "Tocsin");
  json.field("description",
             "Signals, alerts, incidents and who was told. Times are RFC 3339 in UTC; missing times and "
             "values that are no number are null. Lists answer {items, next}; next is the after of the "
             "following page.");
  json.field("version", "1").close_object();
  write_paths(json, routes, further);
  json.key("components").open_object().key("schemas").raw(schemas_json()).close_object().close_object();
  return out;
}

std::string openapi() {
  return openapi_document(routes(), {});
}

}  // namespace tocsin::api
