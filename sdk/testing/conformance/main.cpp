// tocsin_conformance PLUGIN.so: holds a plugin to the contract. Exit code 0: it holds, 1: it does not, 2: wrong usage.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "checks.hpp"
#include "trial.hpp"

namespace {

using tsn::conformance::Check;

struct Outcome {
  bool holds = false;
  std::string text;
};

Outcome run_here(const Check& check, const std::string& path) {
  try {
    return {true, check.run(path)};
  } catch (const std::exception& error) {
    return {false, error.what()};
  }
}

std::string read_all(int fd) {
  std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
  lseek(fd, 0, SEEK_SET);
  const auto got = read(fd, text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

/// In a child: a crash is a finding, and what the plugin prints is searched for secrets too.
Outcome run_apart(const Check& check, const std::string& path) {
  const int result = memfd_create("result", MFD_CLOEXEC), printed = memfd_create("printed", MFD_CLOEXEC);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(90);
    dup2(printed, STDOUT_FILENO);
    dup2(printed, STDERR_FILENO);
    const auto outcome = run_here(check, path);
    std::fflush(nullptr);
    std::cout.flush();
    const bool written = write(result, outcome.text.data(), outcome.text.size()) >= 0;
    _exit(outcome.holds && written ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome{WIFEXITED(status) && WEXITSTATUS(status) == 0, read_all(result)};
  const auto output = read_all(printed);
  if (WIFSIGNALED(status))
    outcome.text = std::string(WTERMSIG(status) == SIGALRM ? "hangs" : "dies of ") +
                   (WTERMSIG(status) == SIGALRM ? "" : strsignal(WTERMSIG(status)));
  if (output.find(tsn::conformance::secret_marker) != std::string::npos)
    outcome = {false, "a SECRET option's value was printed"};
  if (!outcome.holds && !output.empty()) outcome.text += "\n    it printed: " + output.substr(0, 2000);
  close(result);
  close(printed);
  return outcome;
}

bool show(const Check& check, const Outcome& outcome) {
  std::cout << (outcome.holds ? "ok    " : "FAIL  ") << check.name;
  if (!outcome.text.empty()) std::cout << (outcome.holds ? " (" : ": ") << outcome.text << (outcome.holds ? ")" : "");
  std::cout << "\n";
  return outcome.holds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tocsin_conformance PLUGIN.so\n";
    return 2;
  }
  std::error_code missing;
  const std::string path = std::filesystem::canonical(argv[1], missing);
  if (missing) {
    std::cerr << argv[1] << ": " << missing.message() << "\n";
    return 2;
  }
  bool holds = true;
  for (const auto& check : tsn::conformance::static_checks()) holds &= show(check, run_here(check, path));
  if (!holds) return 1;  // loading what is not built as a plugin proves nothing
  for (const auto& check : tsn::conformance::dynamic_checks()) holds &= show(check, run_apart(check, path));
  return holds ? 0 : 1;
}
