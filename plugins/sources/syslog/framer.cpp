#include "framer.hpp"

#include <algorithm>

namespace tocsin_plugins::syslog {
namespace {

constexpr std::size_t most_digits = 9;  // a longer number is no length, but text

}  // namespace

void Framer::take(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::between: {
        // Some senders end a counted message with a newline or NUL all the same.
        const char c = bytes.front();
        if (c == '\n' || c == '\r' || c == '\0') {
          bytes.remove_prefix(1);
        } else {
          state_ = c >= '1' && c <= '9' ? State::length : State::line;
        }
        break;
      }
      case State::length:
        take_length(bytes);
        break;
      case State::counted:
        take_counted(bytes);
        break;
      case State::line:
        take_line(bytes);
        break;
    }
  }
}

void Framer::take_length(std::string_view& bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    const bool digit = c >= '0' && c <= '9';
    if (!digit || begun_.size() == most_digits) {
      state_ = c == ' ' ? State::counted : State::line;
      if (c != ' ') return;
      bytes.remove_prefix(1);
      left_ = static_cast<std::size_t>(std::stoul(begun_));
      begun_.clear();
      return;
    }
    begun_ += c;
    bytes.remove_prefix(1);
  }
}

void Framer::take_counted(std::string_view& bytes) {
  const auto piece = bytes.substr(0, left_);
  bytes.remove_prefix(piece.size());
  left_ -= piece.size();
  if (left_ == 0 && begun_.empty() && !cut_) return give(piece.substr(0, most_), piece.size() > most_);
  keep(piece);
  if (left_ == 0) give(begun_, cut_);
}

void Framer::take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const auto piece = bytes.substr(0, end);
  bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
  if (end != bytes.npos && begun_.empty() && !cut_) return give(piece.substr(0, most_), piece.size() > most_);
  keep(piece);
  if (end != bytes.npos) give(begun_, cut_);
}

void Framer::keep(std::string_view bytes) {
  const auto room = most_ - std::min(most_, begun_.size());
  if (bytes.size() > room) cut_ = true;
  begun_.append(bytes.substr(0, room));
}

void Framer::give(std::string_view message, bool cut) {
  sink_(message, cut);
  begun_.clear();
  cut_ = false;
  state_ = State::between;
}

void Framer::end() {
  if (!begun_.empty()) give(begun_, cut_ || state_ == State::counted);
}

}  // namespace tocsin_plugins::syslog
