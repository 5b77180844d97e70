#include "kubernetes_api/refusal.hpp"

#include <algorithm>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::kube {

Refusal read_refusal(const Json& status) {
  Refusal made;
  made.code = static_cast<int>(std::clamp(number_at(status, {"code"}), 0.0, 999.0));
  made.message = text_at(status, {"message"}, 512);
  made.retry_seconds = static_cast<int>(std::clamp(number_at(status, {"details", "retryAfterSeconds"}), 0.0, 86'400.0));
  return made;
}

Refusal read_refusal(std::string_view body) {
  simdjson::dom::parser parser;
  Json root;
  if (parser.parse(body.data(), body.size()).get(root) == simdjson::SUCCESS) {
    auto made = read_refusal(root);
    if (!made.message.empty() || made.code) return made;
  }
  std::string scratch, text(utf8::clean(utf8::cut(body, 160), scratch));
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return {0, std::move(text), 0};
}

std::string explain(long status, const Refusal& refusal, std::string_view verb, const Resource& resource,
                    std::string_view space, std::string_view server) {
  std::string what = std::string(verb) + " " + std::string(resource.plural);
  if (!space.empty()) what += " in namespace " + std::string(space);
  auto text = std::string(server) + ": " + what + ": HTTP " + std::to_string(status);
  if (!refusal.message.empty()) text += ": " + refusal.message;
  if (status == 401)
    return text +
           "; the token or certificate is missing, has expired or is of another cluster: check token, token_file "
           "or the service account";
  if (status == 403) {
    text += space.empty() ? "; add to its ClusterRole" : "; add to its Role in " + std::string(space);
    return text + ": {apiGroups: [\"" + std::string(resource.group) + "\"], resources: [\"" +
           std::string(resource.plural) + "\"], verbs: [" + std::string(resource.verbs) + "]}";
  }
  if (status == 404) return text + "; check url, and that this server has " + std::string(resource.prefix);
  return text;
}

}  // namespace tocsin_plugins::kube
