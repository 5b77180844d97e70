#include "kubernetes_api/credentials.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace tocsin_plugins::kubernetes {
namespace {

constexpr const char* account = "/var/run/secrets/kubernetes.io/serviceaccount/";
constexpr std::size_t most_token = 64 * 1024;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Credentials Credentials::read(const tsn::Config& table, const std::string& where) {
  Credentials made;
  made.url = table.str("url");
  const bool in_cluster = made.url.empty();
  if (in_cluster) {
    const auto host = environment("KUBERNETES_SERVICE_HOST"), port = environment("KUBERNETES_SERVICE_PORT");
    if (host.empty() || port.empty())
      throw tsn::Failure(tsn::invalid(where +
                                      ".url: this is no pod (KUBERNETES_SERVICE_HOST is not set); expected url = "
                                      "\"https://…\" of the API server"));
    made.url = "https://" + (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + port;
  }
  if (!made.url.starts_with("https://") && !made.url.starts_with("http://"))
    throw tsn::Failure(tsn::invalid(where + ".url: expected https://HOST:PORT"));
  while (made.url.ends_with('/')) made.url.pop_back();
  made.token_file = table.str("token_file", in_cluster ? std::string(account) + "token" : "");
  made.ca_file = table.str("ca_file", in_cluster ? std::string(account) + "ca.crt" : "");
  return made;
}

std::string Credentials::token(std::string& error) const {
  error.clear();
  if (token_file.empty()) return {};
  std::ifstream in(token_file, std::ios::binary);
  if (!in) {
    error = "cannot read the token in " + token_file + ": " + std::strerror(errno);
    return {};
  }
  std::string token(most_token, '\0');
  in.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(in.gcount()));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty() || token.find_first_of("\r\n") != token.npos) {
    error = "the file " + token_file + " holds no token";
    return {};
  }
  return token;
}

}  // namespace tocsin_plugins::kubernetes
