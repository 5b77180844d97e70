// Alerts in at POST /api/v2/alerts, notifications out at a webhook: ours beside Debian's Alertmanager with the same
// alertmanager.yml, in turn, in one run.  alertmanager_bench PROGRAM [--alerts N] [--runs N] [--rate PER_S]
// Every alert is a group of its own with group_wait 0s, 100 to a request in a burst, 10 in a paced run; ours has kept
// them in SQLite before it answers. One JSON object a line: medians over the runs, then ours divided by the baseline.
// Without /usr/bin/prometheus-alertmanager only ours is measured, and that is said.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;
constexpr const char* baseline = "/usr/bin/prometheus-alertmanager";

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int listener(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) || listen(fd, 1024)) die("listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

int dial(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/// The length of the first whole HTTP message; 0: more is to come.
std::size_t whole_message(const std::string& bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == bytes.npos) return 0;
  constexpr const char* name = "content-length:";
  const auto at = std::search(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(head), name, name + 15,
                              [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
  const auto offset = static_cast<std::size_t>(at - bytes.begin());
  const std::size_t length = offset == head ? 0 : std::strtoul(bytes.c_str() + offset + 15, nullptr, 10);
  return bytes.size() >= head + 4 + length ? head + 4 + length : 0;
}

/// Sends a request and waits for its answer; the status, 0 where the line broke.
int ask(int line, const std::string& request) {
  if (send(line, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return 0;
  std::string answer;
  char chunk[16384];
  while (whole_message(answer) == 0) {
    const ssize_t n = read(line, chunk, sizeof chunk);
    if (n <= 0) return 0;
    answer.append(chunk, static_cast<std::size_t>(n));
  }
  return std::atoi(answer.c_str() + 9);
}

/// A webhook: one thread; notes when each alert ("aid") was first told.
class Hook {
 public:
  explicit Hook(std::size_t alerts) : told(alerts), listener_(listener(port)), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_);
    thread_ = std::thread([this] {
      while (!stop_) serve();
    });
  }
  ~Hook() {
    stop_ = true;
    thread_.join();
    for (const auto& [fd, bytes] : lines_) close(fd);
    close(listener_), close(poll_);
  }
  std::uint16_t port = 0;
  std::vector<Clock::time_point> told;
  std::atomic<std::size_t> count{0};

 private:
  void watch(int fd) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }
  void serve() {
    epoll_event events[64];
    for (int i = 0, n = epoll_wait(poll_, events, 64, 50); i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd != listener_) {
        take(fd);
      } else if (const int line = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); line >= 0) {
        lines_[line].clear();
        watch(line);
      }
    }
  }
  void take(int fd) {
    static char chunk[1 << 18];
    const ssize_t n = read(fd, chunk, sizeof chunk);
    if (n <= 0) {
      lines_.erase(fd);
      close(fd);
      return;
    }
    std::string& bytes = lines_[fd];
    bytes.append(chunk, static_cast<std::size_t>(n));
    while (const std::size_t size = whole_message(bytes)) {
      constexpr const char* label = "\"aid\":\"";
      const std::size_t at = bytes.find(label);
      const std::size_t id = at < size ? std::strtoul(bytes.c_str() + at + 7, nullptr, 10) : told.size();
      if (id < told.size() && told[id] == Clock::time_point()) told[id] = Clock::now(), ++count;
      bytes.erase(0, size);
      constexpr std::string_view fine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      if (send(fd, fine.data(), fine.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  int listener_, poll_;
  std::map<int, std::string> lines_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Subject {
 public:
  Subject(const std::string& program, std::uint16_t hook) : ours_(program != baseline) {
    char name[] = "/tmp/tocsin-bench-XXXXXX";
    if (!mkdtemp(name)) die("mkdtemp");
    directory_ = name;
    close(listener(port));
    std::ofstream(directory_ + "/am.yml")
        << "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}\n"
           "receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:"
        << hook << "/', send_resolved: false}]}]\n";
    pid_ = fork();
    if (pid_ == 0) run(program);
    await_ready();
    worker_ = worker();
  }
  ~Subject() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    fs::remove_all(directory_);
  }
  double cpu() const {
    std::ifstream file("/proc/" + std::to_string(worker_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    long user = 0, system = 0;
    std::sscanf(text.c_str() + text.rfind(')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
                &system);
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  /// "VmRSS:" now, "VmHWM:" at most so far.
  double kib(const char* which) const {
    std::ifstream file("/proc/" + std::to_string(worker_) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(which)) return std::atof(line.c_str() + std::strlen(which));
    }
    return 0;
  }
  std::uint16_t port = 0;

 private:
  [[noreturn]] void run(const std::string& program) {
    const std::string log = directory_ + "/log";
    if (!freopen(log.c_str(), "w", stderr) || !freopen(log.c_str(), "w", stdout)) _exit(127);
    std::vector<std::string> words{program};
    if (ours_) words.emplace_back("alertmanager");
    for (std::string word :
         {"--config.file=" + directory_ + "/am.yml", "--storage.path=" + directory_ + "/data",
          "--web.listen-address=127.0.0.1:" + std::to_string(port), std::string("--cluster.listen-address=")})
      words.push_back(std::move(word));
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execv(program.c_str(), arguments.data());
    _exit(127);
  }
  void await_ready() const {
    const auto begin = Clock::now();
    for (int status = 0; status != 200;) {
      if (const int line = dial(port); line >= 0) {
        status = ask(line, "GET /-/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        close(line);
      }
      if (seconds_between(begin, Clock::now()) > 20) std::fprintf(stderr, "it did not become ready\n"), std::exit(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  /// Ours is the child of the supervisor that was started.
  pid_t worker() const {
    const std::string pid = std::to_string(pid_);
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t child = 0;
    return ours_ && children >> child ? child : pid_;
  }

  bool ours_;
  std::string directory_;
  pid_t pid_ = 0, worker_ = 0;
};

std::string request(std::size_t first, std::size_t count) {
  std::string body = "[";
  for (std::size_t id = first; id < first + count; ++id) {
    const std::string n = std::to_string(id);
    body += body.size() > 1 ? "," : "";
    body += R"({"labels":{"alertname":"bench","aid":")" + n + R"(","job":"load","instance":"host-)" +
            std::to_string(id % 500) + R"(:9100","severity":"critical"},"annotations":{"summary":"alert number )" + n +
            R"(","runbook_url":"http://runbooks/bench"},"generatorURL":"http://prometheus/graph?g0.expr=up"})";
  }
  body += "]";
  return "POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Figures {
  double per_s = 0, cpu_us = 0, kib = 0, p50_ms = 0, p99_ms = 0;
};

Figures measure(const std::string& program, std::size_t alerts, double rate) {
  Hook hook(alerts);
  Subject subject(program, hook.port);
  const std::size_t batch = rate > 0 ? 10 : 100;
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < alerts; i += batch) requests.push_back(request(i, std::min(batch, alerts - i)));
  std::vector<Clock::time_point> sent;
  const double cpu = subject.cpu(), kib = subject.kib("VmRSS:");
  const int line = dial(subject.port);
  const auto begin = Clock::now();
  for (const std::string& each : requests) {
    const double due = rate > 0 ? static_cast<double>(sent.size() * batch) / rate : 0;
    std::this_thread::sleep_until(begin +
                                  std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(due)));
    sent.push_back(Clock::now());
    if (ask(line, each) != 200) std::fprintf(stderr, "a request was refused\n"), std::exit(1);
  }
  while (hook.count < alerts && seconds_between(begin, Clock::now()) < 120)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  close(line);
  if (hook.count < alerts) std::fprintf(stderr, "%zu of %zu were told\n", hook.count.load(), alerts), std::exit(1);
  std::vector<double> ms;
  for (std::size_t id = 0; id < alerts; ++id) ms.push_back(seconds_between(sent[id / batch], hook.told[id]) * 1e3);
  std::ranges::sort(ms);
  const double n = static_cast<double>(alerts);
  return {n / seconds_between(begin, *std::ranges::max_element(hook.told)), (subject.cpu() - cpu) / n * 1e6,
          (subject.kib("VmHWM:") - kib) / n, ms[ms.size() / 2], ms[ms.size() * 99 / 100]};
}

Figures median(const std::vector<Figures>& runs) {
  const auto of = [&](double Figures::* which) {
    std::vector<double> values;
    for (const Figures& run : runs) values.push_back(run.*which);
    std::ranges::sort(values);
    return values[values.size() / 2];
  };
  return {of(&Figures::per_s), of(&Figures::cpu_us), of(&Figures::kib), of(&Figures::p50_ms), of(&Figures::p99_ms)};
}

void print(const char* who, std::size_t alerts, double rate, const Figures& f) {
  std::printf(
      "{\"test\":\"alerts_to_webhook\",\"case\":\"%s\",\"who\":\"%s\",\"alerts\":%zu,\"per_s\":%.4g,"
      "\"cpu_us_per_alert\":%.4g,\"kib_per_alert\":%.3g,\"p50_ms\":%.4g,\"p99_ms\":%.4g}\n",
      rate > 0 ? "paced" : "burst", who, alerts, f.per_s, f.cpu_us, f.kib, f.p50_ms, f.p99_ms);
  std::fflush(stdout);
}

void compare(const std::string& program, bool beside, std::size_t alerts, double rate, int runs) {
  std::vector<Figures> ours, theirs;
  for (int run = 0; run < runs; ++run) {
    ours.push_back(measure(program, alerts, rate));
    if (beside) theirs.push_back(measure(baseline, alerts, rate));
  }
  const Figures a = median(ours);
  print("tocsin", alerts, rate, a);
  if (!beside) return;
  const Figures b = median(theirs);
  print("alertmanager", alerts, rate, b);
  print("ratio", alerts, rate,
        {a.per_s / b.per_s, a.cpu_us / b.cpu_us, a.kib / b.kib, a.p50_ms / b.p50_ms, a.p99_ms / b.p99_ms});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "alertmanager_bench PROGRAM [--alerts N] [--runs N] [--rate PER_S]\n"), 2;
  std::size_t alerts = 10'000;
  int runs = 3;
  double rate = 1000;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--alerts")) alerts = std::strtoul(argv[i + 1], nullptr, 10);
    if (!std::strcmp(argv[i], "--runs")) runs = std::max(1, std::atoi(argv[i + 1]));
    if (!std::strcmp(argv[i], "--rate")) rate = std::atof(argv[i + 1]);
  }
  const bool beside = fs::exists(baseline);
  if (!beside) std::fprintf(stderr, "%s is not installed: without a baseline\n", baseline);
  compare(argv[1], beside, alerts, 0, runs);
  compare(argv[1], beside, static_cast<std::size_t>(std::min<double>(static_cast<double>(alerts), rate * 5)), rate,
          runs);
}
