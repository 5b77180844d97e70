#include "access.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tocsin/plugin.hpp"

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

Access of_kubeconfig(const std::string& file, const std::string& context) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw tsn::Failure(tsn::invalid("kubeconfig " + file + ": " + std::strerror(errno)));
  std::stringstream text;
  text << in.rdbuf();
  const auto slash = file.rfind('/');
  return read_kubeconfig(text.str(), file, slash == file.npos ? "." : file.substr(0, slash), context);
}

}  // namespace tocsin_plugins::kube
