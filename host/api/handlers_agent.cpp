// The agent itself: health, metrics, version, plugins, reload.
#include "api/handlers.hpp"
#include "api/present.hpp"

namespace tocsin::api::handlers {
namespace {

Reply text_reply(std::string body, unsigned status = 200) {
  Reply reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = std::move(body);
  return reply;
}

}  // namespace

Reply json_reply(std::string body, unsigned status) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

Checked<std::string> actor(const Body& body) {
  CHECKED(std::string by, body.text("by"));
  return by.empty() ? std::string("api") : by;
}

Outcome list_plugins(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  CHECKED(Listed<model::PluginStatus> listed, slice(backend.plugins(), page));
  return json_reply(list_json(listed));
}

Outcome reload(Backend& backend, const Call&) {
  TRY(std::vector<std::string> lines, backend.reload());
  std::string out;
  JsonWriter json(out);
  write(json.open_object().key("report"), lines);
  json.close_object();
  return json_reply(std::move(out));
}

Outcome show_version(Backend& backend, const Call&) {
  std::string out;
  JsonWriter json(out);
  json.open_object();
  for (const auto& [name, value] : backend.version()) json.field(name, value);
  json.close_object();
  return json_reply(std::move(out));
}

Outcome show_openapi(Backend& backend, const Call& call) {
  return json_reply(openapi_document(call.routes, backend.plugin_routes()));
}

Outcome show_metrics(Backend& backend, const Call& call) {
  bool openmetrics = call.request.header("accept").find("application/openmetrics-text") != std::string_view::npos;
  Reply reply;
  reply.content_type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                   : "text/plain; version=0.0.4; charset=utf-8";
  reply.body = backend.metrics(openmetrics);
  return reply;
}

Outcome healthy(Backend&, const Call&) {
  return text_reply("ok\n");
}

Outcome ready(Backend& backend, const Call&) {
  std::string reason = backend.not_ready();
  return reason.empty() ? text_reply("ready\n") : text_reply(reason + "\n", 503);
}

}  // namespace tocsin::api::handlers
