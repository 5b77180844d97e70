#include "smtp_talk.hpp"

#include <algorithm>
#include <cctype>

#include "message_text/text.hpp"

namespace tocsin_plugins {

void SmtpTalk::command(std::string_view line) {
  const auto is = [&](std::string_view verb) { return line.starts_with(verb); };
  // While authenticating, base64 passes by: only what cannot be base64 counts there.
  if (is("MAIL FROM:"))
    step = Step::sender;
  else if (is("RCPT TO:"))
    step = Step::recipient;
  else if (step == Step::recipient && is("DATA"))
    step = Step::data;
  else if (step != Step::auth && is("AUTH "))
    step = Step::auth;
  else if (step != Step::auth && is("STARTTLS"))
    step = Step::starttls;
  else if (step != Step::auth && (is("EHLO ") || is("HELO ")))
    step = Step::hello;
  else if (step != Step::auth || reply >= 400) {
    over = over || is("QUIT");
    return;
  }
  reply = 0;
  reply_text.clear();
}

void SmtpTalk::take_reply(std::string_view line) {
  const auto digit = [&](std::size_t i) { return std::isdigit(static_cast<unsigned char>(line[i])) != 0; };
  const bool is_last = line.size() >= 3 && digit(0) && digit(1) && digit(2) && (line.size() == 3 || line[3] != '-');
  if (!is_last || over || accepted || (step == Step::body && reply != 0)) return;
  reply = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  reply_text = one_line(line);
  if (step == Step::data && reply / 100 == 3) {
    step = Step::body;
    reply = 0;
  } else if (step == Step::body && reply / 100 == 2) {
    accepted = true;
    give_up = std::min(give_up, Clock::now() + std::chrono::seconds(1));  // for QUIT
  }
}

const char* SmtpTalk::step_name() const {
  switch (step) {
    case Step::greeting:
      return "the connection";
    case Step::hello:
      return "EHLO";
    case Step::starttls:
      return "STARTTLS";
    case Step::auth:
      return "AUTH";
    case Step::sender:
      return "MAIL FROM";
    case Step::recipient:
      return "RCPT TO";
    case Step::data:
      return "DATA";
    case Step::body:
      return "the mail";
  }
  return "";
}

}  // namespace tocsin_plugins
