// Lines as container runtimes write them: the CRI log format of containerd and CRI-O ("TIME STREAM TAGS MESSAGE",
// Kubernetes' design of 2016), and Docker's json-file.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

enum class Format { automatic, plain, cri, docker };

/// What was inside.
struct ContainerLine {
  std::string_view text;
  std::string_view stream;  ///< stdout, stderr, or empty: not a container's
  std::optional<tsn::Time> written;
  bool partial = false;  ///< goes on with the stream's next line
};

/// False: `line` is not of this format.
bool read_cri(std::string_view line, ContainerLine& out);

/// Unwraps lines; holds the memory of the JSON parser. Thread: the instance's.
class Unwrapper {
 public:
  Unwrapper();
  ~Unwrapper();
  /// The texts are valid until the next call. False: `line` is not of this format. Formats are told apart line by line:
  /// what is neither CRI nor Docker's is plain where `format` is automatic.
  bool unwrap(std::string_view line, Format format, ContainerLine& out);

 private:
  bool read_docker(std::string_view line, ContainerLine& out);
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace tocsin_plugins::logtail
