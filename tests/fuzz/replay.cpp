// Runs a fuzz target without a fuzzer: every file of a corpus folder, or one file, then mutations that are the same in
// every run: fuzz_replay_<name> FOLDER|FILE. TOCSIN_TEST_COUNT=full makes ten times as many. The input that ends the
// program is written to fuzz-failure in the working directory.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "target.hpp"

extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr std::size_t mutations = 400;  // of the whole corpus
constexpr std::size_t most_bytes = 64 * 1024;

std::string current_input;
std::string current_name;

void keep_input() {
  const int fd = ::open("fuzz-failure", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return;
  const bool written = ::write(fd, current_input.data(), current_input.size()) >= 0;
  ::close(fd);
  if (!written) return;
  for (const std::string_view text : {std::string_view("failed on "), std::string_view(current_name),
                                      std::string_view(", which is kept as fuzz-failure\n")}) {
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
  }
}

extern "C" void on_signal(int number) {
  keep_input();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(std::string name, std::string input) {
  current_name = std::move(name);
  current_input = std::move(input);
  const fuzz::Exact exact(current_input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(exact.data()), exact.view().size());
}

/// One change as fuzzers make them.
void mutate(std::string& text, const std::string& other, std::mt19937& random) {
  const auto at = [&](std::size_t end) { return end == 0 ? 0 : random() % end; };
  const std::size_t where = at(text.size() + 1);
  switch (random() % 8) {
    case 0:
      if (!text.empty()) text[at(text.size())] ^= static_cast<char>(1u << (random() % 8));
      break;
    case 1:
      if (!text.empty()) text[at(text.size())] = static_cast<char>(random());
      break;
    case 2:
      text.insert(where, 1, static_cast<char>(random()));
      break;
    case 3:
      text.erase(where, random() % 8);
      break;
    case 4:
      text.resize(where);
      break;
    case 5: {  // numbers at which arithmetic breaks
      constexpr std::uint64_t odd[] = {0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 1ull << 63, ~0ull};
      const std::uint64_t value = odd[random() % std::size(odd)];
      const std::size_t bytes = std::size_t{1} << (random() % 4);
      if (where + bytes <= text.size()) std::memcpy(text.data() + where, &value, bytes);
      break;
    }
    case 6:
      text.insert(where, text.substr(at(text.size() + 1), random() % 64));
      break;
    default:
      text.insert(where, other.substr(at(other.size() + 1), random() % 64));
  }
  if (text.size() > most_bytes) text.resize(most_bytes);
}

std::vector<std::pair<std::string, std::string>> read(const std::filesystem::path& from) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(from)) {
    for (const auto& entry : std::filesystem::directory_iterator(from)) files.push_back(entry.path());
  } else {
    files.push_back(from);
  }
  std::ranges::sort(files);
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    out.emplace_back(file.filename().string(), std::string(std::istreambuf_iterator<char>(in), {}));
  }
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 || !std::filesystem::exists(arguments[1])) {
    std::fprintf(stderr, "usage: %s FOLDER|FILE\n", arguments[0]);
    return 2;
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(&keep_input);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    if (__sanitizer_set_death_callback == nullptr || number == SIGABRT) std::signal(number, &on_signal);
  }
  const auto corpus = read(arguments[1]);
  for (const auto& [name, input] : corpus) run(name, input);
  if (corpus.empty() || !std::filesystem::is_directory(arguments[1])) return corpus.empty() ? 1 : 0;
  const char* wanted = std::getenv("TOCSIN_TEST_COUNT");
  const std::size_t rounds = mutations * (wanted != nullptr && std::string_view(wanted) == "full" ? 10 : 1);
  std::mt19937 random(20261125);
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto& [name, input] = corpus[i % corpus.size()];
    std::string changed = input;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) mutate(changed, corpus[random() % corpus.size()].second, random);
    run("mutation " + std::to_string(i) + " of " + name, std::move(changed));
  }
  std::printf("%zu files and %zu mutations of them\n", corpus.size(), rounds);
  return 0;
}
