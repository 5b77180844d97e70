#include "servers_test.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

namespace tocsin_plugins::sql {
namespace {

namespace fs = std::filesystem;
std::string reason;

int unused_port() {
  const int s = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n = sizeof address;
  ::bind(s, reinterpret_cast<sockaddr*>(&address), n);
  ::getsockname(s, reinterpret_cast<sockaddr*>(&address), &n);
  ::close(s);
  return ntohs(address.sin_port);
}

/// Both servers refuse to run as root.
void leave_root() {
  const passwd* nobody = ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
  if (!nobody) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0) ::_exit(126);
}

struct Program {
  pid_t pid;
  int input, output;
};
Program begin(const std::vector<std::string>& words, const std::string& folder) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return {-1, -1, -1};
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid == 0) {
    leave_root();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || ::chdir(folder.c_str()) != 0) ::_exit(125);
    ::setenv("PGPASSWORD", TestServer::password(), 1);
    ::setenv("MYSQL_PWD", TestServer::password(), 1);
    ::setenv("LC_ALL", "C.UTF-8", 1);
    ::dup2(in[0], 0), ::dup2(out[1], 1), ::dup2(out[1], 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(in[0]), ::close(out[1]);
  return {pid, in[1], out[0]};
}

std::string all_of(int fd) {
  std::string out;
  char block[4096];
  for (ssize_t n; (n = ::read(fd, block, sizeof block)) > 0;) out.append(block, static_cast<std::size_t>(n));
  ::close(fd);
  return out;
}

bool complete(const std::vector<std::string>& words, const std::string& folder, const std::string& input,
              std::string& output) {
  const auto program = begin(words, folder);
  std::jthread writer([&] {
    for (std::size_t at = 0; at < input.size();) {
      const auto n = ::write(program.input, input.data() + at, input.size() - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    ::close(program.input);
  });
  output = all_of(program.output);
  int status = -1;
  ::waitpid(program.pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string newest_postgres() {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it("/usr/lib/postgresql", error), end; !error && it != end; it.increment(error))
    if (fs::exists(it->path() / "bin" / "initdb")) found.push_back((it->path() / "bin").string());
  return found.empty() ? std::string() : *std::ranges::max_element(found);
}

}  // namespace

TestServer* TestServer::shared(Kind kind) {
  static std::map<Kind, std::unique_ptr<TestServer>> servers;
  auto [entry, fresh] = servers.try_emplace(kind);
  if (!fresh) return entry->second.get();
  std::unique_ptr<TestServer> made(new TestServer(kind));
  if (made->initialise() && made->launch()) entry->second = std::move(made);
  return entry->second.get();
}

const std::string& TestServer::why() {
  return reason;
}

bool TestServer::initialise() {
  const bool postgres = kind_ == Kind::postgres;
  programs_ = postgres ? newest_postgres() : fs::exists("/usr/sbin/mariadbd") ? "/usr/bin" : "";
  if (programs_.empty())
    return reason = postgres ? "skipped: PostgreSQL's server is not installed (package postgresql)"
                             : "skipped: MariaDB's server is not installed (package mariadb-server)",
           false;
  std::string name = (fs::temp_directory_path() / "tocsin-sql-XXXXXX").string(), output;
  if (!::mkdtemp(name.data())) return reason = "no folder", false;
  folder_ = name;
  const std::string data = folder_ + "/data", secret = folder_ + "/password";
  std::ofstream(secret) << password() << '\n';
  if (const passwd* nobody = ::getpwnam("nobody"); ::geteuid() == 0 && nobody)
    for (const auto& path : {folder_, secret})
      if (::chown(path.c_str(), nobody->pw_uid, nobody->pw_gid) != 0)
        return reason = "cannot hand the folder over", false;
  std::vector<std::string> words =
      postgres ? std::vector<std::string>{programs_ + "/initdb",
                                          "-N",
                                          "-D",
                                          data,
                                          "-U",
                                          "root",
                                          "--auth=scram-sha-256",
                                          "--pwfile=" + secret,
                                          "-E",
                                          "UTF8",
                                          "--no-locale"}
               : std::vector<std::string>{
                     programs_ + "/mariadb-install-db",          "--no-defaults",  "--datadir=" + data,
                     "--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=4M"};
  if (!make_certificates()) return false;
  if (complete(words, folder_, "", output)) return true;
  return reason = "skipped: the server's folder was not made: " + output, false;
}

bool TestServer::make_certificates() {
  for (const std::string name : {"server", "other"}) {
    std::string output;
    if (!complete({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                   "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder_ + "/" + name + ".key",
                   "-out", folder_ + "/" + name + ".crt"},
                  folder_, "", output))
      return reason = "skipped: openssl made no certificate: " + output, false;
  }
  return true;
}

bool TestServer::launch(bool tls) {
  if (port_ == 0) port_ = unused_port();
  const auto port = std::to_string(port_);
  const bool postgres = kind_ == Kind::postgres;
  std::vector<std::string> words = postgres ? std::vector<std::string>{programs_ + "/postgres",
                                                                       "-D",
                                                                       folder_ + "/data",
                                                                       "-p",
                                                                       port,
                                                                       "-c",
                                                                       "listen_addresses=127.0.0.1",
                                                                       "-c",
                                                                       "unix_socket_directories=" + folder_,
                                                                       "-c",
                                                                       "fsync=off"}
                                            : std::vector<std::string>{"/usr/sbin/mariadbd",
                                                                       "--no-defaults",
                                                                       "--datadir=" + folder_ + "/data",
                                                                       "--port=" + port,
                                                                       "--bind-address=127.0.0.1",
                                                                       "--socket=" + folder_ + "/socket",
                                                                       "--innodb-log-file-size=4M",
                                                                       "--pid-file=" + folder_ + "/pid",
                                                                       "--innodb-flush-log-at-trx-commit=0"};
  const std::string key = folder_ + "/server.key";
  if (tls && postgres)
    words.insert(words.end(), {"-c", "ssl=on", "-c", "ssl_cert_file=" + certificate(), "-c", "ssl_key_file=" + key});
  else if (tls)
    words.insert(words.end(), {"--ssl-cert=" + certificate(), "--ssl-key=" + key, "--ssl-ca=" + certificate()});
  const auto program = begin(words, folder_);
  ::close(program.input);
  pid_ = program.pid;
  std::string log;
  const std::string ready = postgres ? "ready to accept connections" : "ready for connections";
  for (char c; log.find(ready) == log.npos; log += c) {
    if (::read(program.output, &c, 1) == 1) continue;
    ::close(program.output);
    kill();
    return reason = "skipped: the server did not start: " + log, false;
  }
  log_ = std::jthread([fd = program.output] { all_of(fd); });
  return true;
}

void TestServer::kill() {
  if (pid_ > 0) {
    ::kill(pid_, kind_ == Kind::postgres ? SIGQUIT : SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_ = -1;
  if (log_.joinable()) log_.join();
}

void TestServer::start_again(bool tls) {
  if (!launch(tls)) ADD_FAILURE() << reason;
}

void TestServer::stall(bool stalled) {
  // Of PostgreSQL each connection has a process: all of them are children of the one that was started.
  std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children");
  std::vector<pid_t> all{pid_};
  for (pid_t child; children >> child;) all.push_back(child);
  for (const auto pid : all) ::kill(pid, stalled ? SIGSTOP : SIGCONT);
}

TestServer::~TestServer() {
  kill();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

std::string TestServer::url(const std::string& account) const {
  const std::string place = account + "@127.0.0.1:" + std::to_string(port_);
  return kind_ == Kind::postgres ? "postgres://" + place + "/postgres" : "mariadb://" + place + "/shop";
}

std::vector<std::string> TestServer::client() const {
  if (kind_ == Kind::postgres)
    return {programs_ + "/psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url("root")};
  return {programs_ + "/mariadb",
          "--no-defaults",
          "--user=root",
          "--socket=" + folder_ + "/socket",
          "--batch",
          "--skip-column-names",
          "--password=",
          "--default-character-set=utf8mb4"};
}

std::string TestServer::run(const std::string& statements) {
  std::string output;
  if (!complete(client(), folder_, statements, output)) ADD_FAILURE() << output;
  while (output.ends_with('\n')) output.pop_back();
  return output;
}

}  // namespace tocsin_plugins::sql
