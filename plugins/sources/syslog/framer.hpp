// Messages in a stream, RFC 6587: each one begins with its length ("83 <34>1 …", octet counting) or ends with a
// newline. Which it is, is seen by each message's first byte, as senders of both kinds reach one port.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tocsin_plugins::syslog {

class Framer {
 public:
  /// `cut`: it was longer than the limit, or its stream ended within it.
  using Sink = std::function<void(std::string_view message, bool cut)>;
  Framer(std::size_t most, Sink sink) : most_(most), sink_(std::move(sink)) {}

  void take(std::string_view bytes);
  void end();

 private:
  enum class State { between, length, counted, line };
  void take_length(std::string_view& bytes);
  void take_counted(std::string_view& bytes);
  void take_line(std::string_view& bytes);
  void keep(std::string_view bytes);
  void give(std::string_view message, bool cut);

  const std::size_t most_;
  Sink sink_;
  State state_ = State::between;
  std::string begun_;
  std::size_t left_ = 0;  ///< of a counted message
  bool cut_ = false;
};

}  // namespace tocsin_plugins::syslog
