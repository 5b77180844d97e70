#include "storage/postgres_server_test.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "storage/scratch_test.hpp"

namespace tocsin::storage {
namespace {

namespace fs = std::filesystem;
std::string reason;

/// The newest installed version's programs.
std::string find_programs() {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it("/usr/lib/postgresql", error), end; !error && it != end; it.increment(error))
    if (fs::exists(it->path() / "bin" / "initdb")) found.push_back((it->path() / "bin").string());
  return found.empty() ? std::string() : *std::max_element(found.begin(), found.end());
}

int free_port() {
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

/// PostgreSQL refuses to run as root.
void become_nobody() {
  if (::geteuid() != 0) return;
  const passwd* nobody = ::getpwnam("nobody");
  if (!nobody || ::setgroups(0, nullptr) != 0 || ::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0)
    ::_exit(126);
}

struct Child {
  pid_t pid = -1;
  int output = -1;
};
/// Starts a program; its output comes through a pipe.
Child spawn(const std::vector<std::string>& words, const std::string& folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid == 0) {
    become_nobody();
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (::getppid() != parent || ::chdir(folder.c_str()) != 0) ::_exit(125);
    ::setenv("PGPASSWORD", PostgresServer::password(), 1);
    ::setenv("LC_ALL", "C", 1);
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  return {pid, ends[0]};
}

std::string read_all(int fd) {
  std::string out;
  char block[4096];
  for (ssize_t n; (n = ::read(fd, block, sizeof block)) > 0;) out.append(block, static_cast<std::size_t>(n));
  ::close(fd);
  return out;
}

bool run(const std::vector<std::string>& words, const std::string& folder, std::string& output) {
  const Child child = spawn(words, folder);
  output = read_all(child.output);
  int status = -1;
  ::waitpid(child.pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

struct PostgresServer::Impl {
  Scratch scratch;
  std::string programs, data;
  int port = 0, databases = 0;
  pid_t pid = -1;
  std::jthread drain;

  /// Reads the log until the server takes connections; then leaves the rest to a thread, so that it never blocks.
  bool wait_until_ready(int log, std::string& text) {
    char c;
    while (text.find("ready to accept connections") == text.npos) {
      if (::read(log, &c, 1) != 1) return ::close(log), false;
      text += c;
    }
    drain = std::jthread([log] { read_all(log); });
    return true;
  }
};

const std::string& PostgresServer::why() {
  return reason;
}

PostgresServer* PostgresServer::shared() {
  static const std::unique_ptr<PostgresServer> server = start();
  return server.get();
}

std::unique_ptr<PostgresServer> PostgresServer::start() {
  std::unique_ptr<PostgresServer> server(new PostgresServer());
  server->impl_ = std::make_unique<Impl>();
  if (!server->initialise() || !server->launch()) return nullptr;
  return server;
}

bool PostgresServer::initialise() {
  impl_->programs = find_programs();
  if (impl_->programs.empty()) return reason = "PostgreSQL is not installed (apt-get install postgresql)", false;
  impl_->data = impl_->scratch / "data";
  const std::string password_file = impl_->scratch / "password";
  std::ofstream(password_file) << password() << '\n';
  if (const passwd* nobody = ::getpwnam("nobody"); ::geteuid() == 0 && nobody)
    for (const std::string& path : {impl_->scratch.path(), password_file})
      if (::chown(path.c_str(), nobody->pw_uid, nobody->pw_gid) != 0)
        return reason = "cannot hand the folder over", false;
  std::string output;
  if (run({impl_->programs + "/initdb", "-N", "-D", impl_->data, "-U", "tester", "--auth=scram-sha-256",
           "--pwfile=" + password_file, "-E", "UTF8", "--no-locale"},
          impl_->scratch.path(), output))
    return true;
  return reason = "initdb failed: " + output, false;
}

bool PostgresServer::launch() {
  if (impl_->port == 0) impl_->port = free_port();
  const Child child =
      spawn({impl_->programs + "/postgres", "-D", impl_->data, "-p", std::to_string(impl_->port), "-c",
             "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + impl_->scratch.path(), "-c", "fsync=off"},
            impl_->scratch.path());
  impl_->pid = child.pid;
  std::string log;
  if (impl_->wait_until_ready(child.output, log)) return true;
  end(SIGQUIT);
  return reason = "the server did not start: " + log, false;
}

void PostgresServer::end(int signal) {
  if (impl_->pid > 0) {
    ::kill(impl_->pid, signal);
    ::waitpid(impl_->pid, nullptr, 0);
  }
  impl_->pid = -1;
  if (impl_->drain.joinable()) impl_->drain.join();
}

PostgresServer::~PostgresServer() {
  end(SIGQUIT);
}

void PostgresServer::restart() {
  end(SIGQUIT);
  if (!launch()) ADD_FAILURE() << reason;
}

std::string PostgresServer::make_database() {
  const std::string name = "tocsin" + std::to_string(++impl_->databases), port = std::to_string(impl_->port);
  std::string output;
  if (!run({impl_->programs + "/createdb", "-h", "127.0.0.1", "-p", port, "-U", "tester", name}, impl_->scratch.path(),
           output))
    ADD_FAILURE() << output;
  return "postgres://tester@127.0.0.1:" + port + "/" + name;
}

std::string PostgresServer::ask(const std::string& url, const std::string& statement) {
  std::string output;
  if (!run({impl_->programs + "/psql", "-X", "-A", "-t", "-q", "-d", url, "-c", statement}, impl_->scratch.path(),
           output))
    ADD_FAILURE() << output;
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

}  // namespace tocsin::storage
