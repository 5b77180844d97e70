#include "kubernetes_api/access.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace tocsin_plugins::kube {
namespace {

constexpr std::size_t most_token = 64u << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string Access::current_token() const {
  if (token_file.empty()) return token;
  std::ifstream in(token_file, std::ios::binary);
  if (!in) {
    const std::string why = std::strerror(errno);
    if (token_file.starts_with(service_account_directory))
      throw tsn::Failure(tsn::denied("no service account at " + token_file + " (" + why +
                                     "): outside of a cluster set url and token, or kubeconfig; in a pod set "
                                     "automountServiceAccountToken"));
    throw tsn::Failure(tsn::denied("token_file " + token_file + ": " + why));
  }
  std::string text(most_token, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  if (text.empty()) throw tsn::Failure(tsn::denied("token_file " + token_file + " is empty"));
  if (text.find_first_of("\r\n") != text.npos)
    throw tsn::Failure(tsn::denied("token_file " + token_file + " has more than one line: it is no token"));
  return text;
}

Access of_pod(std::string_view directory) {
  Access made;
  auto host = environment("KUBERNETES_SERVICE_HOST");
  auto port = environment("KUBERNETES_SERVICE_PORT");
  if (host.find(':') != host.npos && !host.starts_with('[')) host.insert(0, "[").append("]");
  if (port.empty()) port = "443";
  made.url = host.empty() ? "https://kubernetes.default.svc" : "https://" + host + ":" + port;
  made.ca.file = std::string(directory) + "/ca.crt";
  made.token_file = std::string(directory) + "/token";
  std::ifstream in(std::string(directory) + "/namespace");
  in >> made.name;
  return made;
}

Access of_table(const tsn::Config& table) {
  Access made;
  if (table.has("url"))
    made.url = table.str("url");
  else
    made = of_pod();
  if (table.has("token_file")) made.token_file = table.str("token_file");
  if (table.has("ca_file")) made.ca = {std::string(table.str("ca_file")), {}};
  return made;
}

void Access::settle(const std::string& where, bool insecure) {
  const auto wrong = [&](const char* what) { throw tsn::Failure(tsn::invalid(where + ": " + what)); };
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("https://") && !url.starts_with("http://")) wrong("expected https://HOST:PORT");
  if (url.find('@') != url.npos) wrong("no user or password stands in it; set token");
  if (url.starts_with("http://") && (!token.empty() || !token_file.empty()) && !insecure)
    wrong("a token would be sent in clear over http://; use https://");
}

}  // namespace tocsin_plugins::kube
