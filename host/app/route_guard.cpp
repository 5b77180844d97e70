#include "app/route_guard.hpp"

#include <algorithm>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "plugin_host/keyed_hash.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

std::string_view shown_header(const RouteGuard::Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

/// What follows the scheme in Authorization; nothing where it is another.
std::optional<std::string_view> credentials(const RouteGuard::Request& request, std::string_view scheme) {
  const std::string_view shown = shown_header(request, "authorization");
  if (shown.size() <= scheme.size() || shown[scheme.size()] != ' ') return std::nullopt;
  if (!base::equal_without_case(shown.substr(0, scheme.size()), scheme)) return std::nullopt;
  return base::trim(shown.substr(scheme.size() + 1));
}

std::string hex_digits(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace

void RouteGuard::set(std::optional<settings::RouteAuth> auth) {
  std::lock_guard lock(mutex_);
  auth_ = auth ? std::make_shared<const settings::RouteAuth>(std::move(*auth)) : nullptr;
}

std::shared_ptr<const settings::RouteAuth> RouteGuard::auth() const {
  std::lock_guard lock(mutex_);
  return auth_;
}

std::expected<std::string, RouteGuard::Response> RouteGuard::admit(const Request& request) {
  const auto asked = auth();
  if (!asked) return std::string(request.user);
  auto verdict = judge(*asked, request);
  if (verdict) return std::move(*verdict);
  return std::unexpected(refused(request, std::move(verdict.error())));
}

std::optional<RouteGuard::Response> RouteGuard::refuse_head(const Request& request) {
  const auto asked = auth();
  if (!asked) return std::nullopt;
  settings::RouteAuth of_head = *asked;
  if (of_head.type == settings::RouteAuth::Type::hmac) of_head.type = settings::RouteAuth::Type::networks;
  auto verdict = judge(of_head, request);
  if (verdict) return std::nullopt;
  return refused(request, std::move(verdict.error()));
}

RouteGuard::Response RouteGuard::refused(const Request& request, Refusal refusal) {
  log(request, refusal.why);
  Response out;
  out.status = refusal.status;
  out.headers.emplace_back("content-type", "application/problem+json");
  if (!refusal.challenge.empty()) out.headers.emplace_back("www-authenticate", std::move(refusal.challenge));
  const std::string title = refusal.status == 401 ? "Unauthorized" : "Forbidden";
  out.body = R"({"type":"about:blank","title":")" + title + R"(","status":)" + std::to_string(refusal.status) +
             ",\"detail\":" + base::json_quote(refusal.why) + "}";
  return out;
}

std::expected<std::string, RouteGuard::Refusal> RouteGuard::judge(const settings::RouteAuth& auth,
                                                                  const Request& request) const {
  const std::string section = "[" + realm_ + "] auth";
  const auto refuse = [](std::uint32_t status, std::string challenge, std::string why) {
    return std::unexpected(Refusal{status, std::move(challenge), std::move(why)});
  };
  const auto inside = [&](const settings::Network& network) { return contains(network, request.remote); };
  if (!auth.allow_from.empty() && std::ranges::none_of(auth.allow_from, inside))
    return refuse(403, "", std::string(request.remote) + " is in none of the networks that " + section + " allows");
  const std::string realm = " realm=\"" + realm_ + "\"";
  switch (auth.type) {
    case settings::RouteAuth::Type::networks:
      return std::string();
    case settings::RouteAuth::Type::mtls:
      if (request.certificate.empty()) return refuse(403, "", section + " asks for a client's certificate");
      if (!auth.subject.empty() && request.certificate != auth.subject)
        return refuse(403, "", "the certificate is not the one that " + section + " names");
      return std::string(request.certificate);
    case settings::RouteAuth::Type::hmac:
      return auth.secrets.empty() ? refuse(401, "Signature" + realm, section + " admits nobody")
                                  : judge_signature(auth.secrets.front().second, request);
    case settings::RouteAuth::Type::bearer: {
      const auto shown = credentials(request, "bearer");
      if (!shown) return refuse(401, "Bearer" + realm, section + " asks for \"Authorization: Bearer TOKEN\"");
      const std::string* user = nullptr;  // all are looked at: which one it is takes no time of its own
      for (const auto& [name, token] : auth.secrets) {
        if (plugin_host::same_bytes(*shown, token)) user = &name;
      }
      if (user != nullptr) return *user;
      return refuse(401, "Bearer" + realm + ", error=\"invalid_token\"", "the token is none of " + section);
    }
    case settings::RouteAuth::Type::basic: {
      const std::string challenge = "Basic" + realm + ", charset=\"UTF-8\"";
      const auto shown = credentials(request, "basic");
      if (!shown) return refuse(401, challenge, section + " asks for a user's name and password (Basic)");
      const auto both = base::from_base64(*shown);
      for (const auto& [name, password] : auth.secrets) {
        if (both && plugin_host::same_bytes(*both, name + ":" + password)) return name;
      }
      return refuse(401, challenge, "name and password are not those of " + section);
    }
  }
  return refuse(403, "", section + " admits nobody");
}

std::expected<std::string, RouteGuard::Refusal> RouteGuard::judge_signature(const std::string& key,
                                                                            const Request& request) const {
  const std::string challenge = "Signature realm=\"" + realm_ + "\"";
  std::string_view shown = shown_header(request, "x-hub-signature");
  if (!shown.starts_with("sha256=")) shown = shown_header(request, "x-hub-signature-256");
  if (!shown.starts_with("sha256="))
    return std::unexpected(
        Refusal{401, challenge, "[" + realm_ + "] auth asks for \"X-Hub-Signature: sha256=HEX\" of the body"});
  const auto right = plugin_host::hmac_sha256(key, request.body);
  if (!right) return std::unexpected(Refusal{403, "", "signatures cannot be checked: " + right.error().message()});
  if (!plugin_host::same_bytes(base::lower(shown.substr(7)), hex_digits(*right)))
    return std::unexpected(
        Refusal{401, challenge, "the signature is not that of the body with the key of [" + realm_ + "] auth"});
  return std::string();
}

void RouteGuard::log(const Request& request, const std::string& why) {
  constexpr auto quiet = std::chrono::minutes(1);
  std::size_t refused = 0;
  {
    std::lock_guard lock(mutex_);
    ++refused_;
    const auto now = std::chrono::steady_clock::now();
    if (logged_ && now - *logged_ < quiet) return;
    logged_ = now;
    refused = std::exchange(refused_, 0);
  }
  telemetry::log_warn(realm_, "refused " + std::to_string(refused) + (refused == 1 ? " request" : " requests") +
                                  ", the last one from " + std::string(request.remote) + ": " + why);
}

}  // namespace tocsin::app
