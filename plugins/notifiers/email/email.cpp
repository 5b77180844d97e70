#include <unistd.h>

#include <optional>
#include <string>

#include "mail.hpp"
#include "maildir.hpp"
#include "message_text/text.hpp"
#include "smtp.hpp"
#include "template/template_option.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

class Email {
 public:
  static constexpr auto id = "email", version = "1.0.0", doc = "Mail over SMTP or into a Maildir";
  static constexpr tsn::Option options[] = {
      {.key = "url",
       .flags = tsn::required,
       .doc = "smtp://host:port (STARTTLS), smtps://host:port (TLS from the start), or maildir:/path"},
      {.key = "from", .flags = tsn::required, .doc = "Sender, \"Tocsin <tocsin@corp>\" or an address alone"},
      {.key = "username", .doc = "Name to authenticate with; without it there is no authentication"},
      {.key = "password", .flags = tsn::secret, .doc = "Password of username"},
      {.key = "starttls",
       .fallback = "\"required\"",
       .choices = "required|never",
       .doc = "Of smtp://: \"never\" sends mails and password in the clear"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "helo", .doc = "Name to greet the server with; default: this host's"},
      {.key = "reply_to", .doc = "Where answers go, if not to the sender"},
      {.key = "subject", .doc = "Template of the subject; default: [SEVERITY] title"},
      {.key = "template", .doc = "Template of the text part, and without html_template of the HTML part too"},
      {.key = "html_template", .doc = "Template of the HTML part"},
      {.key = "subject_prefix", .doc = "Put before every subject, such as \"[prod]\""},
  };
  static constexpr const char* needs[] = {"network"};
  static constexpr auto address_field = "email";

  Email() {
    const auto config = ctx_.config();
    style_.from = address(config, "from");
    if (!config.str("reply_to").empty()) style_.reply_to = address(config, "reply_to");
    style_.subject_prefix = one_line(config.str("subject_prefix"));
    style_.templates = {template_option(config, "subject", Escape::line),
                        template_option(config, "template", Escape::text),
                        template_option(config, "html_template", Escape::html)};
    const std::string url(config.str("url"));
    if (url.starts_with("maildir:/")) {
      maildir_ = url.substr(8);
    } else if (url.starts_with("smtp://") || url.starts_with("smtps://")) {
      const SmtpSettings settings = smtp_settings(config, url);
      smtp_.emplace(settings);
      const bool clear = !settings.starttls && url.starts_with("smtp://");
      looks_like_ = smtp_->place() + (clear ? " answers, in the clear" : " answers over TLS");
      if (!settings.username.empty())
        looks_like_ += ", and takes " + cut(one_line(settings.username), 40) + " and its password";
    } else {
      throw tsn::Failure(tsn::invalid("url: expected smtp://host:port, smtps://host:port or maildir:/path"));
    }
  }

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    const auto to = parse_address(message.recipient.address);
    if (!to) {
      return tsn::invalid("email: \"" + cut(one_line(message.recipient.address), 80) + "\" of " +
                          cut(one_line(message.recipient.name), 40) + " is not a mail address; check [contact] email");
    }
    const Mail mail = compose(style_, *to, message, ctx_.now());
    auto status = smtp_ ? smtp_->send(style_.from.mail, to->mail, mail.bytes, deadline)
                        : write_to_maildir(maildir_, mail.bytes, ctx_.now());
    if (status) delivered.provider_id = mail.thread;
    return status;
  }

  /// Signs in and sends nothing. A Maildir is looked at when it is written.
  tsn::Status probe(std::string& report, tsn::Deadline deadline) {
    if (!smtp_) {
      const bool there = ::access(maildir_.c_str(), W_OK | X_OK) == 0;
      report = there ? "ok: " + maildir_ + " can be written"
                     : "warning: " + maildir_ + " is not there or cannot be written; the first mail makes it";
      return tsn::ok;
    }
    if (auto status = smtp_->look(deadline); !status)
      report = "error: " + std::string(status.text());
    else
      report = "ok: " + looks_like_;
    return tsn::ok;
  }

 private:
  static Address address(const tsn::Config& config, const char* key) {
    const auto parsed = parse_address(config.str(key));
    if (!parsed) {
      throw tsn::Failure(tsn::invalid(std::string(key) + ": expected an address such as \"Tocsin <tocsin@corp>\""));
    }
    return *parsed;
  }

  SmtpSettings smtp_settings(const tsn::Config& config, const std::string& url) const {
    SmtpSettings settings;
    settings.url = url;
    settings.section = "[notifier." + ctx_.name() + "]";
    settings.username = config.str("username");
    settings.password = config.str("password");
    settings.ca_file = config.str("ca_file");
    settings.helo = config.str("helo");
    settings.starttls = config.str("starttls", "required") != "never";
    if (settings.username.empty() && !settings.password.empty()) {
      throw tsn::Failure(tsn::invalid("password is set but username is not"));
    }
    if (settings.helo.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-[]:") !=
        std::string::npos) {
      throw tsn::Failure(tsn::invalid("helo: expected a host name"));
    }
    if (!settings.starttls && url.starts_with("smtp://") && !settings.username.empty()) {
      ctx_.warn("starttls = \"never\": mails and the password travel in the clear");
    }
    return settings;
  }

  tsn::Context ctx_;
  MailStyle style_;
  std::string maildir_;
  std::string looks_like_;  ///< what probe() says of a server that takes it
  std::optional<SmtpClient> smtp_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Email;
TOCSIN_PLUGIN(Email)
