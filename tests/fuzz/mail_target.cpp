// links: email_objects Tocsin::testing
// libFuzzer target for mail: the bytes of a mail about any texts, addresses, and what an SMTP server says.
#include "encoding.hpp"
#include "mail.hpp"
#include "message.hpp"
#include "smtp_talk.hpp"

using namespace tocsin_plugins;
using fuzz::require;

namespace {

void addresses(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return;
  for (const char c : address->mail) require(c > 0x20 && c < 0x7f && c != '<' && c != '>', "an address is plain ASCII");
  const std::string header = address_header("To", *address);
  require(header.ends_with("\r\n"), "a header ends its line");
}

/// RFC 5322, 2.1.1 and 2.2: lines of at most 998 bytes that end in CRLF, and no other CR or LF.
void mail(fuzz::Input& input) {
  fuzz::Texts texts(input);
  const tsn::Message message = fuzz::message(texts, input);
  const MailStyle style{{"Tocsin", "t@example.com"},
                        Address{std::string(texts.next().substr(0, 64)), "r@example.com"},
                        std::string(texts.next().substr(0, 64))};
  const Mail made = compose(style, {"First", "first@example.com"}, message, 1'795'168'800'000'000'000);
  require(made.bytes.ends_with("\r\n"), "a mail ends its last line");
  std::size_t begin = 0;
  bool header = true;
  for (std::size_t end; (end = made.bytes.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
    const std::string_view line(made.bytes.data() + begin, end - begin);
    require(line.size() <= 998, "a line has at most 998 bytes");
    require(line.find_first_of("\r\n") == line.npos, "CR and LF come together only");
    header = header && !line.empty();
    if (!header) continue;
    const bool folded = line.front() == ' ' || line.front() == '\t';
    require(folded || line.find(':') != line.npos, "a header has a name");
    for (const char c : line) require(static_cast<unsigned char>(c) < 0x7f, "headers are ASCII");
  }
  require(begin == made.bytes.size(), "nothing stands after the last line");
}

/// Lines of both sides; what we say begins with "C ".
void talk(fuzz::Input& input) {
  SmtpTalk talk;
  talk.give_up = SmtpTalk::Clock::now();
  bool was_accepted = false;
  while (input.left() > 0) {
    const fuzz::Exact line(input.line());
    if (line.view().starts_with("C "))
      talk.command(line.view().substr(2));
    else
      talk.take_reply(line.view());
    require(talk.reply >= 0 && talk.reply <= 999, "a reply is a number of three digits");
    require(!talk.accepted || was_accepted || talk.step == SmtpTalk::Step::body, "only a mail is accepted");
    was_accepted = talk.accepted;
    require(talk.step_name()[0] != '\0', "every step has a name");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.below(3)) {
    case 0:
      mail(input);
      break;
    case 1:
      talk(input);
      break;
    default: {
      const fuzz::Exact text(input.rest());
      addresses(text.view());
    }
  }
  return 0;
}
