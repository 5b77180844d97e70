// One mail over SMTP (RFC 5321), by libcurl. Certificates are always verified, host name included. One connection per
// mail: a server that closed an idle one would otherwise cost a mail its attempt.
#pragma once

#include <memory>
#include <string>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct SmtpSettings {
  std::string url;       ///< smtp://host[:port] or smtps://host[:port]
  std::string section;   ///< "[notifier.mail]", for messages
  std::string username;  ///< empty: no authentication
  std::string password;
  std::string ca_file;   ///< PEM; adds a root to the system's
  std::string helo;      ///< empty: this host's name
  bool starttls = true;  ///< of smtp://: refuse to go on without
};

/// One call at a time.
class SmtpClient {
 public:
  /// Throws for a URL that is neither smtp:// nor smtps://, or holds more than host and port.
  explicit SmtpClient(SmtpSettings settings);
  ~SmtpClient();

  /// ok: the server answered for the mail. TSN_FAILED: it has not taken it (connection, certificate, 4xx). TSN_INVALID:
  /// it never will (5xx about sender, recipient or content). TSN_DENIED: authentication. TSN_UNKNOWN: the mail was sent
  /// whole and the answer is lost. The code is the SMTP reply's. No text holds the password or a reply to it.
  tsn::Status send(const std::string& from, const std::string& to, const std::string& mail, tsn::Deadline deadline);

  /// Connects, secures the line, authenticates, says NOOP and QUIT: nothing is sent to anybody.
  tsn::Status look(tsn::Deadline deadline);

  /// "host:port", with the port that the scheme implies.
  const std::string& place() const { return place_; }

 private:
  struct Impl;
  std::string place_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin_plugins
