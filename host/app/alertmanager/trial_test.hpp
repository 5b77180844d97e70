// For the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "alertmanager/document.hpp"
#include "alertmanager/translation.hpp"

namespace tocsin::alertmanager {

/// What is said, a line each.
inline std::string lines(const config::Diagnostics& diagnostics) {
  std::string out;
  for (const auto& each : diagnostics) out += each.text() + "\n";
  return out;
}

/// What is said of a file with that text.
inline std::string says(const std::string& text) {
  config::Diagnostics diagnostics;
  read_document(text, "am.yml", diagnostics);
  return lines(diagnostics);
}

/// Shows the secrets it was given.
class ShownSecrets final : public Secrets {
 public:
  std::string whole(const std::string& name, const std::string& value) override {
    given[name] = value;
    return "env:" + name;
  }
  std::string inside(const std::string& name, const std::string& value) override {
    given[name] = value;
    return "${file:" + name + "}";
  }
  std::map<std::string, std::string> given;
};

inline std::string content_of(const std::string& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

inline std::string test_file(const std::string& name) {
  return std::string(TOCSIN_TOP) + "/host/app/alertmanager/testdata/" + name;
}

}  // namespace tocsin::alertmanager
