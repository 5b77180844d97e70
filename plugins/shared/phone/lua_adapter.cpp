#include "phone/lua_adapter.hpp"

#include <algorithm>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t longest_text = 500, most_labels = 20;

AdapterSettings adapter_settings(const tsn::Config& config) {
  AdapterSettings out;
  out.file = config.str("adapter");
  if (!config.has("adapter_text"))
    config["adapter"].wrong("a host that reads the script: this one handed over its path alone");
  out.text = config.str("adapter_text");
  const auto secrets = config.table("secrets");
  for (std::uint32_t i = 0; i < secrets.count(); ++i) out.secrets.emplace_back(secrets.key(i), secrets.at(i).as_str());
  return out;
}

const char* kind_name(tsn_message_kind kind) {
  switch (kind) {
    case TSN_MSG_UPDATE:
      return "update";
    case TSN_MSG_RESOLVED:
      return "resolved";
    case TSN_MSG_TEST:
      return "test";
    default:
      return "firing";
  }
}

void push_field(lua_State* lua, const std::string& key, const std::string& value) {
  lua_pushlstring(lua, key.data(), key.size());
  lua_pushlstring(lua, value.data(), value.size());
  lua_rawset(lua, -3);
}

/// The fields that begin with `prefix`, as a table without it; what is empty is not there. `but`: not those that begin
/// with it.
void push_fields(lua_State* lua, const NamedTexts& fields, std::string_view prefix, std::string_view but) {
  lua_newtable(lua);
  for (const auto& [key, value] : fields) {
    const bool left_out = value.empty() || (!but.empty() && key.starts_with(but));
    if (key.starts_with(prefix) && !left_out) push_field(lua, key.substr(prefix.size()), value);
  }
}

int push_message(lua_State* lua, const NamedTexts& fields) {
  push_fields(lua, fields, "", "incident.");
  push_fields(lua, fields, "incident.", "incident.labels.");
  push_fields(lua, fields, "incident.labels.", "");
  lua_setfield(lua, -2, "labels");
  lua_setfield(lua, -2, "incident");
  return 1;
}

std::string text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  lua_pushvalue(lua, index);
  const char* text = lua_isstring(lua, -1) ? lua_tolstring(lua, -1, &size) : nullptr;
  std::string out = text ? std::string(text, size) : std::string();
  lua_pop(lua, 1);
  return out;
}

std::string member_text(lua_State* lua, int table, const char* key) {
  lua_pushstring(lua, key);
  lua_rawget(lua, table);
  auto out = text_at(lua, lua_gettop(lua));
  lua_pop(lua, 1);
  return out;
}

/// request.headers[NAME], in any case.
int header_of_request(lua_State* lua) {
  std::string name = luaL_checkstring(lua, 2);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  const auto* request = AdapterScript::of(lua).request;
  const auto value = request ? request->header(name) : std::string_view();
  if (value.empty()) return 0;
  lua_pushlstring(lua, value.data(), value.size());
  return 1;
}

int push_request(lua_State* lua, const tsn::Request& request) {
  lua_newtable(lua);
  push_field(lua, "method", std::string(request.method()));
  push_field(lua, "path", std::string(request.path()));
  push_field(lua, "query", std::string(request.query()));
  push_field(lua, "remote", std::string(request.remote()));
  push_field(lua, "body", std::string(request.body()));
  lua_newtable(lua);
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, header_of_request);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  lua_setfield(lua, -2, "headers");
  return 1;
}

}  // namespace

std::unique_ptr<LuaAdapter> LuaAdapter::of(const tsn::Context& ctx, HttpClient& client, bool calls) {
  const auto config = ctx.config();
  if (!config.has("adapter")) return nullptr;
  return std::make_unique<LuaAdapter>(ctx, client, adapter_settings(config), calls);
}

LuaAdapter::LuaAdapter(const tsn::Context& ctx, HttpClient& client, AdapterSettings settings, bool calls)
    : ctx_(ctx), calls_(calls), sending_(ctx, settings, &client) {
  if (!sending_.has("send"))
    throw tsn::Failure(tsn::invalid(settings.file + ": expected a function send(message) that returns the id"));
  has_status_ = sending_.has("status");
  if (sending_.has("callback")) reading_ = std::make_unique<AdapterScript>(ctx, settings, nullptr);
}

tsn::Status LuaAdapter::send(const NamedTexts& fields, tsn::Deadline deadline, std::string& id) {
  return sending_.call(
      "send", [&](lua_State* lua) { return push_message(lua, fields); },
      [&](lua_State* lua) -> tsn::Status {
        const int result = lua_gettop(lua) - 1;
        if (lua_isnil(lua, result) || lua_isstring(lua, result)) return id = text_at(lua, result), tsn::ok;
        // What it did is done: the message is not sent again because of what it returned.
        ctx_.warn(std::string("the adapter's send returned a ") + luaL_typename(lua, result) +
                  "; expected the provider's id, or nothing");
        return tsn::ok;
      },
      deadline);
}

tsn::Status LuaAdapter::status(const std::string& id, tsn::Deadline deadline, std::string& state) {
  return sending_.call(
      "status", [&](lua_State* lua) { return lua_pushlstring(lua, id.data(), id.size()), 1; },
      [&](lua_State* lua) -> tsn::Status {
        const int result = lua_gettop(lua) - 1;
        const auto detail = text_at(lua, result + 1);
        if (auto read = state_in(lua, result, state); !read) return read;
        if (!detail.empty()) state += ": " + detail;
        return tsn::ok;
      },
      deadline);
}

/// The state at `index` of the stack.
tsn::Status LuaAdapter::state_in(lua_State* lua, int index, std::string& state) const {
  state = text_at(lua, index);
  const bool known =
      state == "delivered" || state == "failed" || state == "pending" || (calls_ && state == "no_answer");
  if (known) return tsn::ok;
  const std::string got = lua_isstring(lua, index) ? "\"" + cut(one_line(state), 40) + "\"" : luaL_typename(lua, index);
  return tsn::fail("returned the state " + got + "; expected \"delivered\", \"failed\", \"pending\"" +
                   (calls_ ? ", \"no_answer\"" : ""));
}

tsn::Status LuaAdapter::callback(const tsn::Request& request, std::optional<CalledBack>& out) {
  std::lock_guard lock(reading_mutex_);
  reading_->request = &request;
  const auto status = reading_->call(
      "callback", [&](lua_State* lua) { return push_request(lua, request); },
      [&](lua_State* lua) -> tsn::Status {
        const int result = lua_gettop(lua) - 1;
        if (lua_isnil(lua, result)) return tsn::ok;
        if (!lua_istable(lua, result))
          return tsn::invalid(std::string("callback returned a ") + luaL_typename(lua, result) +
                              "; expected a table with id and state, or from and text, or nothing");
        CalledBack said{member_text(lua, result, "id"), "", member_text(lua, result, "digits"),
                        member_text(lua, result, "from"), member_text(lua, result, "text")};
        lua_pushstring(lua, "state");
        lua_rawget(lua, result);
        if (!lua_isnil(lua, -1))
          if (auto read = state_in(lua, lua_gettop(lua), said.state); !read) return tsn::invalid(read.text());
        if (const auto detail = member_text(lua, result, "detail"); !detail.empty() && !said.state.empty())
          said.state += ": " + detail;
        out = std::move(said);
        return tsn::ok;
      },
      tsn::Deadline{});
  reading_->request = nullptr;
  return status;
}

NamedTexts adapter_fields(const tsn::Message& message) {
  const auto& incident = message.incident;
  const std::pair<const char*, std::string_view> texts[] = {{"incident.title", incident.title},
                                                            {"incident.description", incident.description},
                                                            {"incident.category", incident.category},
                                                            {"incident.service", incident.service},
                                                            {"incident.impact", incident.impact},
                                                            {"incident.suggestion", incident.suggestion},
                                                            {"incident.owner", incident.owner},
                                                            {"incident.url", incident.url},
                                                            {"incident.runbook_url", incident.runbook_url},
                                                            {"incident.ticket_key", incident.ticket_key},
                                                            {"incident.ticket_url", incident.ticket_url},
                                                            {"incident.correlation_id", incident.correlation_id},
                                                            {"name", message.recipient.name},
                                                            {"target", message.recipient.target}};
  NamedTexts out = {{"kind", kind_name(message.kind)},
                    {"attempt", std::to_string(message.attempt)},
                    {"incident.severity", std::string(tsn::severity_name(incident.severity))},
                    {"incident.status", std::string(tsn::status_name(incident.status))}};
  if (incident.number) out.emplace_back("incident.number", std::to_string(incident.number));
  for (const auto& [key, text] : texts)
    if (!text.empty()) out.emplace_back(key, cut(text, longest_text));
  std::size_t labels = 0;
  for (const auto& label : incident.labels)
    if (++labels <= most_labels)
      out.emplace_back("incident.labels." + std::string(label.name), cut(label.value, longest_text));
  for (const auto& action : message.actions)
    if (action.kind == TSN_ANSWER_ACKNOWLEDGE) out.emplace_back("ack_url", std::string(action.href));
  return out;
}

}  // namespace tocsin_plugins
