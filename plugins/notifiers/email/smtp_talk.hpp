// What was said so far in one SMTP conversation. libcurl reports failures by a number of its own; the commands and
// replies that passed by tell which one the server refused, and whether the mail was complete on the line when it
// broke.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin_plugins {

struct SmtpTalk {
  using Clock = std::chrono::steady_clock;
  /// The command that was sent last.
  enum class Step { greeting, hello, starttls, auth, sender, recipient, data, body };

  Step step = Step::greeting;
  int reply = 0;           ///< to the last command; 0: none came
  std::string reply_text;  ///< its last line
  const std::string* mail = nullptr;
  std::size_t read = 0;
  bool whole = false;     ///< everything was handed to the line
  bool accepted = false;  ///< 2xx for the mail
  bool over = false;      ///< QUIT was sent: what was answered before stays the answer
  Clock::time_point give_up;

  /// A line that was sent.
  void command(std::string_view line);
  /// A line that came; any bytes.
  void take_reply(std::string_view line);
  /// "RCPT TO", "the mail", …
  const char* step_name() const;
};

}  // namespace tocsin_plugins
