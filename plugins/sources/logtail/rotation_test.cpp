// The life of containers' logs, at random: rotated by renaming and compressed while they are followed, unread or while
// the agent is down, which is killed again and again. Every line counts once.
#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <ctime>

#include "logtail_fixture.hpp"

namespace tocsin_plugins::logtail {
namespace {

/// One container's log: a runtime that writes CRI lines, and a kubelet that rotates between two of them.
class Pod {
 public:
  Pod(std::string directory, std::string name, std::mt19937& random)
      : path_(directory + "/0.log"), name_(std::move(name)), random_(random) {
    fs::create_directories(directory);
    append("");
  }

  /// Some raw lines; the file's time is the clock's.
  void write(unsigned lines, tsn::Time now) {
    std::string text;
    for (; lines > 0; --lines) text += next(now);
    append(text);
    touch(path_, now);
  }
  void finish(tsn::Time now) {
    for (unsigned stream = 0; stream < 2; ++stream)
      if (begun_[stream]) append(raw(stream, true, " end", now)), texts.push_back(std::move(whole_[stream]) + " end");
    touch(path_, now);
  }
  /// Renames, opens anew, compresses all rotated ones but the newest, keeps twelve.
  void rotate() {
    if (fs::file_size(path_) == 0) return;
    const auto older = rotated();
    char stamp[32];
    std::snprintf(stamp, sizeof stamp, ".20261120-%06d", ++rotations);
    fs::rename(path_, path_ + stamp);
    append("");
    for (const auto& old : older)
      if (old.extension() != ".gz") compress(old);
    const auto all = rotated();
    for (std::size_t i = 0; i + kept < all.size(); ++i) fs::remove(all[i]);
  }

  static constexpr std::size_t kept = 12;
  int rotations = 0;
  std::vector<std::string> texts;  ///< the lines that are whole

 private:
  static void touch(const std::string& path, tsn::Time at) {
    const timespec time{at / second, at % second};
    const timespec both[] = {time, time};
    ::utimensat(AT_FDCWD, path.c_str(), both, 0);
  }
  void append(const std::string& text) const { std::ofstream(path_, std::ios::app | std::ios::binary) << text; }
  std::vector<fs::path> rotated() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(fs::path(path_).parent_path()))
      if (entry.path().filename() != "0.log") found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
  }
  static void compress(const fs::path& from) {
    std::ifstream in(from, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    const auto made = from.string() + ".tmp";
    const auto out = ::gzopen(made.c_str(), "wb1");
    if (!bytes.empty()) ::gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size()));
    ::gzclose(out);
    fs::rename(made, from.string() + ".gz");
    fs::remove(from);
  }
  std::string raw(unsigned stream, bool ends, const std::string& text, tsn::Time now) {
    now += ++tick_;  // no two lines at the same time
    char day[32], rest[16];
    const std::time_t seconds = now / second;
    std::strftime(day, sizeof day, "%FT%T", std::gmtime(&seconds));
    std::snprintf(rest, sizeof rest, ".%09dZ", static_cast<int>(now % second));
    return std::string(day) + rest + (stream ? " stderr " : " stdout ") + (ends ? "F " : "P ") + text + "\n";
  }
  std::string next(tsn::Time now) {
    const auto stream = random_() % 2;
    auto piece = begun_[stream] ? "+" : name_ + " " + std::to_string(count_++) + " ";
    piece.append(random_() % 60, 'x');
    const bool ends = random_() % 4 > 0;
    whole_[stream] += piece;
    begun_[stream] = !ends;
    if (ends) texts.push_back(std::exchange(whole_[stream], {}));
    return raw(stream, ends, piece, now);
  }

  const std::string path_, name_;
  std::mt19937& random_;
  int count_ = 0;
  tsn::Time tick_ = 0;
  std::string whole_[2];
  bool begun_[2] = {};
};

class Rotation : public LogtailFixture {
 protected:
  Rotation() { host_.data_dir = path("data"); }
};

TEST_F(Rotation, LosesAndDoublesNothingHoweverItFallsBetweenKills) {
  const char* count = std::getenv("TOCSIN_TEST_COUNT");
  const std::uint32_t runs = count && std::string_view(count) == "full" ? 400 : 30;
  for (std::uint32_t seed = 0; seed < runs; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    host_.clear();
    source_.reset();
    fs::remove_all(path("pods"));
    std::vector<std::unique_ptr<Pod>> pods;
    for (int i = 0; i < 3; ++i) {
      const auto name = "api-" + std::to_string(i);
      pods.push_back(std::make_unique<Pod>(path("pods/shop_" + name + "_6f1c/app"), name, random));
    }
    start_from_beginning("", {"pods/*/*/*.log"});
    poll();
    int missed = 0;  // rotations of one pod since the agent looked: the kubelet keeps twelve
    for (int step = 0; step < 150; ++step) {
      switch (pick(10)) {
        case 0:
        case 1:
        case 2:
          if (missed >= 10) break;
          ++missed;
          pods[pick(3)]->rotate();
          break;
        case 3:
          kill();
          for (auto n = pick(4); n > 0 && missed < 10; --n) {
            ++missed;
            pods[pick(3)]->rotate();
            pods[pick(3)]->write(pick(12), host_.now());
          }
          restart();
          break;
        case 4:
          host_.refuse_submits(1 + pick(20));
          poll();
          break;
        case 5:
          host_.advance(std::chrono::milliseconds(1 + pick(1500)));
          break;
        case 6:
          host_.refuse_submits(0);
          poll(), host_.advance(1100ms), poll();  // behind a partial line the agent waits for a second
          missed = 0;
          break;
        default:
          for (auto& pod : pods) pod->write(pick(20), host_.now());
      }
    }
    host_.refuse_submits(0);
    for (auto& pod : pods) pod->finish(host_.now());
    for (int i = 0; i < 10; ++i) poll(), host_.advance(1s);
    Texts written;
    for (const auto& pod : pods) written.insert(written.end(), pod->texts.begin(), pod->texts.end());
    auto found = texts();
    std::ranges::sort(written), std::ranges::sort(found);
    Texts lost, twice;
    std::ranges::set_difference(written, found, std::back_inserter(lost));
    std::ranges::set_difference(found, written, std::back_inserter(twice));
    EXPECT_TRUE(lost.empty() && twice.empty())
        << "seed " << seed << ": of " << written.size() << " lost " << lost.size() << ", twice or broken "
        << twice.size() << ": " << (lost.empty() ? "" : lost.front()) << " | " << (twice.empty() ? "" : twice.front());
  }
}

}  // namespace
}  // namespace tocsin_plugins::logtail
