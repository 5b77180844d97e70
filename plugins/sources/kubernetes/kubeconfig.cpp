// Kubeconfig files: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
#include "kubeconfig.hpp"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace tocsin_plugins::kube {
namespace {

class File {
 public:
  File(std::string name, std::string directory) : name_(std::move(name)), directory_(std::move(directory)) {}

  [[noreturn]] void wrong(const std::string& what) const {
    throw tsn::Failure(tsn::invalid("kubeconfig " + name_ + ": " + what));
  }
  /// The entry of a list (`clusters`, `users`, `contexts`) with that name, and in it the table `inner`.
  YAML::Node entry(const YAML::Node& root, const char* list, const std::string& name, const char* inner) const {
    const auto all = root[list];
    if (all && all.IsSequence())
      for (const auto& each : all)
        if (each.IsMap() && text(each, "name") == name && each[inner] && each[inner].IsMap()) return each[inner];
    wrong(std::string(list) + " has no entry \"" + name + "\" with a " + inner);
  }
  std::string text(const YAML::Node& of, const char* key) const {
    const auto value = of[key];
    if (!value || value.IsNull()) return {};
    if (!value.IsScalar()) wrong(std::string(key) + ": expected a text");
    return value.Scalar();
  }
  std::string path(const YAML::Node& of, const char* key) const {
    const auto value = text(of, key);
    return value.empty() || value.front() == '/' ? value : directory_ + "/" + value;
  }
  /// `key`-data (base64) wins over `key` (a file), as kubectl has it.
  Pem pem(const YAML::Node& of, const std::string& key) const {
    Pem made;
    const auto inline_key = key + "-data";
    const auto data = text(of, inline_key.c_str());
    if (data.empty()) {
      made.file = path(of, key.c_str());
    } else if (!decode_base64(data, made.text)) {
      wrong(inline_key + " is no base64");
    }
    return made;
  }

 private:
  const std::string name_, directory_;
};

void read_cluster(const File& file, const YAML::Node& cluster, Access& made) {
  made.url = file.text(cluster, "server");
  while (made.url.ends_with('/')) made.url.pop_back();
  made.ca = file.pem(cluster, "certificate-authority");
  made.proxy_url = file.text(cluster, "proxy-url");
  const auto skip = file.text(cluster, "insecure-skip-tls-verify");
  if (skip == "true" || skip == "True" || skip == "TRUE")
    file.wrong(
        "insecure-skip-tls-verify: certificates are always verified here; put the cluster's CA into "
        "certificate-authority-data");
  if (!file.text(cluster, "tls-server-name").empty())
    file.wrong("tls-server-name is not supported: use a server name that its certificate has");
}

void read_user(const File& file, const YAML::Node& user, Access& made) {
  constexpr auto remedy =
      " starts a program, which the agent does not do: make a service account and give its token "
      "(`kubectl create token NAME --duration 8760h`) as token or token_file";
  if (user["exec"]) file.wrong(std::string("the user's exec plugin") + remedy);
  if (user["auth-provider"]) file.wrong(std::string("the user's auth-provider") + remedy);
  if (!file.text(user, "username").empty())
    file.wrong("username and password: API servers take none since Kubernetes 1.19; use a token or a certificate");
  made.token = file.text(user, "token");
  made.token_file = file.path(user, "tokenFile");
  if (!made.token.empty() && made.token_file.empty() && made.token.find_first_of("\r\n") != std::string::npos)
    file.wrong("token has more than one line");
  made.cert = file.pem(user, "client-certificate");
  made.key = file.pem(user, "client-key");
  if (static_cast<bool>(made.cert) != static_cast<bool>(made.key))
    file.wrong("client-certificate and client-key belong together, and one is missing");
}

}  // namespace

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  std::uint32_t bits = 0;
  unsigned count = 0, padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    std::uint32_t value;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<std::uint32_t>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else {
      return false;
    }
    if (padding) return false;
    bits = bits << 6 | value;
    if (++count % 4 == 0)
      for (int shift = 16; shift >= 0; shift -= 8) out.push_back(static_cast<char>(bits >> shift & 0xff));
  }
  const auto rest = count % 4;
  if (rest == 1 || (padding && (rest + padding) % 4 != 0) || (!padding && rest)) return false;
  if (rest >= 2) out.push_back(static_cast<char>(bits << (24 - 6 * rest) >> 16 & 0xff));
  if (rest == 3) out.push_back(static_cast<char>(bits << 6 >> 8 & 0xff));
  return true;
}

Access read_kubeconfig(std::string_view text, const std::string& name, const std::string& directory,
                       const std::string& context) {
  const File file(name, directory);
  if (text.size() > (1u << 20)) file.wrong("it is longer than 1 MiB");
  try {
    const auto root = YAML::Load(std::string(text));
    if (!root.IsMap()) file.wrong("expected a table with clusters, users and contexts");
    const auto wanted = context.empty() ? file.text(root, "current-context") : context;
    if (wanted.empty()) file.wrong("it has no current-context: set context");
    const auto chosen = file.entry(root, "contexts", wanted, "context");
    Access made;
    made.name = file.text(chosen, "namespace");
    read_cluster(file, file.entry(root, "clusters", file.text(chosen, "cluster"), "cluster"), made);
    const auto user = file.text(chosen, "user");
    if (!user.empty()) read_user(file, file.entry(root, "users", user, "user"), made);
    if (made.url.empty()) file.wrong("its cluster has no server");
    return made;
  } catch (const YAML::Exception& error) {
    file.wrong("line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

Access of_kubeconfig(const std::string& file, const std::string& context) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw tsn::Failure(tsn::invalid("kubeconfig " + file + ": " + std::strerror(errno)));
  std::stringstream text;
  text << in.rdbuf();
  const auto slash = file.rfind('/');
  return read_kubeconfig(text.str(), file, slash == file.npos ? "." : file.substr(0, slash), context);
}

}  // namespace tocsin_plugins::kube
