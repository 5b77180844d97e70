// write_template KIND NAME DIR: what `tocsin plugin new` writes, for the out-of-tree test.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tocsin/templates.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: write_template KIND NAME DIR\n", 2;
  const auto files = tocsin::templates::files(argv[1], argv[2]);
  std::filesystem::create_directories(argv[3]);
  for (const auto& [path, text] : files) {
    std::ofstream out(std::filesystem::path(argv[3]) / path);
    out << text;
  }
  return files.size() == 5 ? 0 : 1;
}
