// tocsin plugin keygen, sign, verify: keys of one's own and signatures of plugins. They ask no agent.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "config/document.hpp"
#include "plugin_host/descriptor.hpp"
#include "plugin_host/owned_fd.hpp"
#include "plugin_host/signature.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;
using plugin_host::OwnedFd;
using plugin_host::Signature;
using plugin_host::SigningKey;

template <class T>
T must(base::Result<T> result) {
  if (!result) end_with(exit_no, result.error().message());
  return std::move(*result);
}

std::string read_whole(const std::string& path) {
  OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char part[64 * 1024];
  for (;;) {
    const ssize_t n = fd ? ::read(fd.get(), part, sizeof part) : -1;
    if (n < 0 && fd && errno == EINTR) continue;
    if (n < 0) end_with(exit_no, path + ": cannot be read: " + std::strerror(errno));
    if (n == 0) return out;
    out.append(part, static_cast<std::size_t>(n));
  }
}

/// A new file, in one step and with its mode from the beginning; one that is there is an error unless `replace`.
void write_whole(const std::string& path, const std::string& text, mode_t mode, bool replace) {
  const std::string part = replace ? path + ".part" : path;
  if (replace) ::unlink(part.c_str());
  OwnedFd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd && errno == EEXIST) end_with(exit_no, part + ": is there already and is not replaced; remove it first");
  std::size_t done = 0;
  while (fd && done < text.size()) {
    const ssize_t n = ::write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (!fd || done < text.size() || ::fsync(fd.get()) != 0 || (replace && ::rename(part.c_str(), path.c_str()) != 0))
    end_with(exit_no, path + ": cannot be written: " + std::strerror(errno));
}

SigningKey read_signing_key(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
    std::cerr << path << ": others may read or write this private key; run: chmod 600 " << path << '\n';
  return must(SigningKey::parse(read_whole(path), path));
}

model::PublicKey read_public_key(const std::string& path) {
  auto key = model::PublicKey::parse(read_whole(path));
  if (!key) end_with(exit_no, path + ": " + key.error().message());
  return *key;
}

void keygen(Console& console, const std::string& out) {
  const auto key = must(SigningKey::generate());
  const auto public_key = must(key.public_key());
  write_whole(out, must(key.pem()), 0600, false);
  write_whole(out + ".pub", public_key.pem(), 0644, false);
  if (console.json) {
    std::cout << json{{"key", public_key.id()}, {"private", out}, {"public", out + ".pub"}}.dump(2) << '\n';
    return;
  }
  std::cout << "key " << public_key.id() << "\n  " << out << " signs; keep it away from the agent\n  " << out
            << ".pub goes to the agent: [trust] keys = [\"file:/etc/tocsin/trust/NAME.pub\"]\n";
}

void sign(Console& console, const std::string& file, const std::string& key_file, bool add) {
  must(plugin_host::read_descriptor(file));  // nothing else is signed by mistake
  const auto key = read_signing_key(key_file);
  const auto signature = must(key.sign(read_whole(file)));
  const std::string out = file + ".sig";
  std::vector<Signature> all;
  if (add && ::access(out.c_str(), F_OK) == 0) all = must(plugin_host::parse_signatures(read_whole(out), out));
  std::erase_if(all, [&](const Signature& each) { return each.bytes == signature.bytes; });
  all.push_back(signature);
  write_whole(out, plugin_host::signatures_text(all), 0644, true);
  if (console.json) {
    std::cout << json{{"path", file}, {"signature", out}, {"key", signature.key_id}}.dump(2) << '\n';
    return;
  }
  std::cout << out << ": signed by key " << signature.key_id << '\n';
}

void verify(Console& console, const std::string& file, const std::vector<std::string>& key_files) {
  plugin_host::TrustPolicy policy;
  for (const auto& each : key_files) policy.keys.push_back(read_public_key(each));
  const std::string bytes = read_whole(file);
  std::optional<std::string> text;
  if (::access((file + ".sig").c_str(), F_OK) == 0) text = read_whole(file + ".sig");
  must(plugin_host::check_signatures(bytes, text, file, policy));
  if (console.json) {
    std::cout << json{{"path", file}, {"verified", true}}.dump(2) << '\n';
    return;
  }
  std::cout << file << ": is what a trusted key signed\n";
}

struct TrustArguments {
  std::string file, key;
  std::vector<std::string> keys;
  bool add = false;
};

}  // namespace

void add_plugin_trust_commands(CLI::App& group, Console& console) {
  {
    auto args = std::make_shared<TrustArguments>();
    auto* command = group.add_subcommand("keygen", "Make an Ed25519 key to sign plugins with: FILE and FILE.pub");
    command->add_option("--out", args->file, "the private key's new file; the public one gets .pub behind it")
        ->required();
    command->callback([&console, args] { keygen(console, args->file); });
  }
  {
    auto args = std::make_shared<TrustArguments>();
    auto* command = group.add_subcommand("sign", "Sign a plugin: writes X.so.sig beside it");
    command->add_option("file", args->file, "the .so")->required();
    command->add_option("--key", args->key, "the private key, PEM")->required();
    command->add_flag("--add", args->add, "keep the signatures that are in X.so.sig");
    command->callback([&console, args] { sign(console, args->file, args->key, args->add); });
  }
  {
    auto args = std::make_shared<TrustArguments>();
    auto* command = group.add_subcommand("verify", "Whether one of the keys signed a plugin");
    command->add_option("file", args->file, "the .so")->required();
    command->add_option("--key", args->keys, "a public key, PEM or base64; several may be given")->required();
    command->callback([&console, args] { verify(console, args->file, args->keys); });
  }
}

}  // namespace tocsin::app
