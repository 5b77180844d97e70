// A notification as a mail: headers, a text part and an HTML part that say the same, one thread for each incident.
//
// Threads (RFC 5322, 3.6.4): the first mail of an incident to a recipient has a Message-ID made of both, and later ones
// refer to it. Being made, not drawn, it is the same when the mail is sent again because an answer was lost, and most
// mailboxes then keep one. The rejected alternative, a thread by equal subjects, ends when the subject says RESOLVED.
#pragma once

#include <optional>
#include <string>

#include "encoding.hpp"
#include "template/template.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Where one is not given, the mail says what it says by default.
struct MailTemplates {
  std::optional<Template> subject;  ///< Escape::line
  std::optional<Template> text;     ///< Escape::text; without `html` the HTML part shows the same text
  std::optional<Template> html;     ///< Escape::html
};

struct MailStyle {
  Address from;
  std::optional<Address> reply_to;
  std::string subject_prefix;
  MailTemplates templates = {};
};

struct Mail {
  std::string id;      ///< Message-ID with its angle brackets
  std::string thread;  ///< Message-ID of the thread's first mail: the provider id
  std::string bytes;   ///< lines end in CRLF
};

Mail compose(const MailStyle& style, const Address& to, const tsn::Message& message, tsn::Time now);

}  // namespace tocsin_plugins
