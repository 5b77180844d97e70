// Scraping: scrape_bench PROGRAM [--series N] [--seconds S]
// The real agent scrapes one page once a second, keeps every sample (journal, then history) and judges one of its series by
// a rule; Debian's Prometheus scrapes and stores the same page where it is installed. What is compared is processor time
// a sample, from the tenth second on: making series is not in it. One JSON object a line.
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "agent_process.hpp"

namespace {

using namespace outside;

/// Serves the page; every sample's value moves with each scrape.
class Page {
 public:
  explicit Page(int series) : series_(series), listener_(listener(port)) {
    accepting_ = std::thread([this] {
      for (int line; (line = accept(listener_, nullptr, nullptr)) >= 0;) {
        std::lock_guard lock(mutex_);
        sockets_.push_back(line);
        lines_.emplace_back([this, line] { serve(line); });
      }
    });
  }
  ~Page() {
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    for (const int line : sockets_) shutdown(line, SHUT_RDWR);
    for (auto& line : lines_) line.join();
    for (const int line : sockets_) close(line);
    close(listener_);
  }
  int scrapes() const { return scrapes_; }
  std::uint16_t port = 0;

 private:
  void serve(int line) {
    std::string buffer;
    for (std::string request; !(request = receive(line, buffer)).empty();) {
      const std::string body = text(++scrapes_);
      send_all(line,
               "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
    }
  }
  std::string text(int scrape) const {
    std::string out = "# TYPE requests_total counter\n";
    for (int i = 0; i < series_; ++i) {
      out += "requests_total{service=\"s" + std::to_string(i % 100) + "\",path=\"/api/v1/things/" + std::to_string(i) +
             "\",method=\"GET\",code=\"200\"} " + std::to_string(1000 + i + scrape * (i % 7 + 1)) + "\n";
    }
    return out;
  }
  const int series_;
  std::atomic<int> scrapes_{0};
  int listener_;
  std::thread accepting_;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> lines_;
};

template <class Cpu>
void measure(const char* who, Cpu&& cpu_now, const Page& page, int series, int seconds) {
  std::this_thread::sleep_for(std::chrono::seconds(10));
  const double before = cpu_now();
  const int scrapes = page.scrapes();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const double cpu = cpu_now() - before;
  const double samples = static_cast<double>(page.scrapes() - scrapes) * series;
  std::printf("{\"who\": \"%s\", \"samples\": %.0f, \"cpu_s\": %.2f, \"samples_per_cpu_second\": %.0f}\n", who, samples, cpu,
              samples / cpu);
  std::fflush(stdout);
}

void of_prometheus(int series, int seconds) {
  if (std::system("command -v prometheus >/dev/null")) {
    return void(std::printf("{\"who\": \"prometheus\", \"left out\": \"not installed (package prometheus)\"}\n"));
  }
  Page page(series);
  char name[] = "/tmp/tocsin-bench-XXXXXX";
  const std::string directory = mkdtemp(name);
  std::uint16_t port = 0;
  close(listener(port));
  std::ofstream(directory + "/prometheus.yml")
      << "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: ['" << directory
      << "/rules.yml']\nscrape_configs: [{job_name: bench, static_configs: [{targets: ['127.0.0.1:" << page.port << "']}]}]\n";
  std::ofstream(directory + "/rules.yml")
      << "groups: [{name: g, rules: [{alert: High, expr: 'requests_total{path=\"/api/v1/things/7\"} > 1e9'}]}]\n";
  const pid_t pid = fork();
  if (pid == 0) {
    if (!std::freopen("/dev/null", "w", stderr)) _exit(127);
    execlp("prometheus", "prometheus", ("--config.file=" + directory + "/prometheus.yml").c_str(),
           ("--storage.tsdb.path=" + directory + "/data").c_str(),
           ("--web.listen-address=127.0.0.1:" + std::to_string(port)).c_str(), nullptr);
    _exit(127);
  }
  measure("prometheus", [pid] { return cpu_of(pid); }, page, series, seconds);
  kill(pid, SIGTERM);
  waitpid(pid, nullptr, 0);
  fs::remove_all(directory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "scrape_bench PROGRAM [--series N] [--seconds S]\n"), 2;
  int series = 50'000, seconds = 30;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--series")) series = std::atoi(argv[i + 1]);
    if (!std::strcmp(argv[i], "--seconds")) seconds = std::atoi(argv[i + 1]);
  }
  {
    Page page(series);
    Agent agent(argv[1], "[source.page]\nplugin = \"scrape\"\nurls = [\"http://127.0.0.1:" + std::to_string(page.port) +
                             "/metrics\"]\nevery = \"1s\"\n[[rule]]\nname = \"High\"\nseverity = \"HIGH\"\n"
                             "signal = 'requests_total{path=\"/api/v1/things/7\"}'\nop = \">\"\nthreshold = 1000000000\n");
    measure("tocsin", [&] { return agent.cpu(); }, page, series, seconds);
  }
  of_prometheus(series, seconds);
}
