#include "smtp.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "message_text/text.hpp"
#include "smtp_talk.hpp"

namespace tocsin_plugins {
namespace {

/// curl_global_init is not thread-safe in 7.88 without care; every plugin that links curl does it once.
void init_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* to) {
  if (type == CURLINFO_HEADER_OUT) static_cast<SmtpTalk*>(to)->command({data, size});
  return 0;
}

std::size_t on_reply(char* data, std::size_t size, std::size_t count, void* to) {
  static_cast<SmtpTalk*>(to)->take_reply({data, size * count});
  return size * count;
}

std::size_t on_read(char* to, std::size_t size, std::size_t count, void* from) {
  auto& talk = *static_cast<SmtpTalk*>(from);
  const std::size_t n = std::min(size * count, talk.mail->size() - talk.read);
  std::memcpy(to, talk.mail->data() + talk.read, n);
  talk.read += n;
  if (talk.read == talk.mail->size()) talk.whole = true;
  return n;
}

/// libcurl's own time-out does not cover its QUIT.
int on_progress(void* with, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return SmtpTalk::Clock::now() > static_cast<SmtpTalk*>(with)->give_up ? 1 : 0;
}

/// "host:port" of a URL that holds nothing else.
std::string place_of(const std::string& url) {
  const auto begin = url.find("://") + 3;
  std::string place = url.substr(begin);
  if (place.ends_with('/')) place.pop_back();
  const bool odd = std::any_of(place.begin(), place.end(), [](unsigned char c) {
    return c <= 0x20 || c >= 0x7f || c == '/' || c == '?' || c == '#' || c == '@';
  });
  if (place.empty() || odd) {
    throw tsn::Failure(
        tsn::invalid("url: expected host and port only, such as smtp://smtp.corp:587; name and password "
                     "are options of their own"));
  }
  const auto port = place.find(':', place.starts_with('[') ? place.find(']') : 0);
  if (port == place.npos) place += url.starts_with("smtps://") ? ":465" : ":25";
  return place;
}

}  // namespace

struct SmtpClient::Impl {
  SmtpSettings settings;
  CURL* curl = nullptr;
  char error[CURL_ERROR_SIZE] = {};

  void prepare(SmtpTalk& talk, tsn::Deadline deadline);
  tsn::Status judge(CURLcode code, const SmtpTalk& talk, const std::string& place, const std::string& to) const;
  tsn::Status refused(const SmtpTalk& talk, const std::string& place, const std::string& to) const;
  tsn::Status not_secured(CURLcode code, const SmtpTalk& talk, const std::string& place) const;
  tsn::Status not_authenticated(const SmtpTalk& talk, const std::string& place) const;
};

SmtpClient::SmtpClient(SmtpSettings settings) : place_(place_of(settings.url)), impl_(std::make_unique<Impl>()) {
  init_once();
  impl_->settings = std::move(settings);
  impl_->curl = curl_easy_init();
  if (!impl_->curl) throw tsn::Failure("cannot make an SMTP client");
}

SmtpClient::~SmtpClient() {
  curl_easy_cleanup(impl_->curl);
}

void SmtpClient::Impl::prepare(SmtpTalk& talk, tsn::Deadline deadline) {
  error[0] = 0;
  const bool from_start = settings.url.starts_with("smtps://");
  std::string url = settings.url;
  if (!settings.helo.empty()) url += (url.ends_with('/') ? "" : "/") + settings.helo;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // the environment is not read
  curl_easy_setopt(curl, CURLOPT_USE_SSL,
                   static_cast<long>(from_start || settings.starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
  if (!settings.username.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, settings.username.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, settings.password.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // A conversation that is given up still says QUIT and waits a second for the answer: that must fit too.
  const long all = deadline.milliseconds(), patience = all - std::min(all / 4, 1500L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, patience);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, patience);
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(talk.mail->size()));
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, &talk);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &talk);
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);  // to on_debug alone, which keeps the verbs
  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &talk);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &talk);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
}

tsn::Status SmtpClient::send(const std::string& from, const std::string& to, const std::string& mail,
                             tsn::Deadline deadline) {
  CURL* curl = impl_->curl;
  SmtpTalk talk;
  talk.mail = &mail;
  talk.give_up = SmtpTalk::Clock::now() + std::chrono::milliseconds(deadline.milliseconds());
  impl_->prepare(talk, deadline);
  struct curl_slist* recipients = curl_slist_append(nullptr, to.c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_reset(curl);  // nothing keeps a pointer to what ends here
  curl_slist_free_all(recipients);
  return impl_->judge(code, talk, place_, to);
}

tsn::Status SmtpClient::look(tsn::Deadline deadline) {
  CURL* curl = impl_->curl;
  const std::string nothing;
  SmtpTalk talk;
  talk.mail = &nothing;
  talk.give_up = SmtpTalk::Clock::now() + std::chrono::milliseconds(deadline.milliseconds());
  impl_->prepare(talk, deadline);
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 0L);
  curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_reset(curl);
  return code == CURLE_OK ? tsn::Status(tsn::ok) : impl_->judge(code, talk, place_, {});
}

tsn::Status SmtpClient::Impl::judge(CURLcode code, const SmtpTalk& talk, const std::string& place,
                                    const std::string& to) const {
  if (talk.accepted) return tsn::ok;
  switch (code) {
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return not_secured(code, talk, place);
    default:
      break;
  }
  if (talk.step == SmtpTalk::Step::auth && (talk.reply >= 400 || code == CURLE_LOGIN_DENIED))
    return not_authenticated(talk, place);
  if (talk.reply >= 400) return refused(talk, place, to);
  const std::string why = error[0] ? error : curl_easy_strerror(code);
  if (talk.step == SmtpTalk::Step::body && talk.whole) {
    return tsn::unknown("email: " + place +
                        " did not answer for the mail, which was sent whole and may have arrived: " + why);
  }
  const bool late = code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK;
  if (late && talk.step != SmtpTalk::Step::greeting)
    return tsn::fail("email: " + place + " did not answer to " + talk.step_name() + " in time");
  std::string remedy;
  if (code == CURLE_COULDNT_RESOLVE_HOST) remedy = "; check the name in url and the resolver";
  if (code == CURLE_COULDNT_CONNECT || late) remedy = "; check that it is running and reachable from here";
  return tsn::fail("email: " + place + ": " + why + remedy);
}

tsn::Status SmtpClient::Impl::not_secured(CURLcode code, const SmtpTalk& talk, const std::string& place) const {
  const std::string why = error[0] ? error : curl_easy_strerror(code);
  if (code == CURLE_USE_SSL_FAILED) {
    std::string text = "email: " + place;
    text += talk.reply >= 400 && talk.step == SmtpTalk::Step::starttls
                ? " refused STARTTLS (" + cut(talk.reply_text, 60) + ")"
                : " offers no STARTTLS";
    return tsn::fail(text + ", so nothing was sent; use smtps://, or starttls = \"never\" in " + settings.section +
                     " to send in the clear")
        .with_code(talk.reply >= 400 ? talk.reply : 0);
  }
  if (code == CURLE_SSL_CACERT_BADFILE) {
    return tsn::fail("email: ca_file of " + settings.section +
                     " is not a readable PEM file: " + cut(settings.ca_file, 120));
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR) {
    return tsn::fail("email: the certificate of " + place + " was refused: " + cut(why, 110) +
                     "; check the host in url, or ca_file in " + settings.section);
  }
  return tsn::fail("email: TLS with " + place + " failed: " + cut(why, 110) + "; check that its port speaks " +
                   (settings.url.starts_with("smtps") ? "TLS from the start" : "STARTTLS"));
}

tsn::Status SmtpClient::Impl::not_authenticated(const SmtpTalk& talk, const std::string& place) const {
  const std::string as = " as \"" + cut(one_line(settings.username), 40) + "\"";
  // The reply's own text stays out: a server may repeat what it was sent.
  const std::string code = talk.reply ? std::to_string(talk.reply) + " " : std::string();
  if (talk.reply / 100 == 4) {
    return tsn::fail("email: " + code + "authentication is not possible for now at " + place + as)
        .with_code(talk.reply);
  }
  return tsn::denied("email: " + code + "authentication failed at " + place + as + "; check " + settings.section +
                     " username and password")
      .with_code(talk.reply);
}

tsn::Status SmtpClient::Impl::refused(const SmtpTalk& talk, const std::string& place, const std::string& to) const {
  std::string text = "email: " + place + " refused " + talk.step_name();
  if (talk.step == SmtpTalk::Step::recipient) text += " <" + cut(to, 60) + ">";
  text += ": " + cut(talk.reply_text, 110);
  if (talk.reply == 530 || talk.reply == 535 || talk.reply == 538) {
    return tsn::denied(text + "; check " + settings.section + " username and password").with_code(talk.reply);
  }
  const bool about_mail = talk.step >= SmtpTalk::Step::sender;
  if (talk.reply / 100 == 5 && about_mail) return tsn::invalid(text).with_code(talk.reply);
  return tsn::fail(text).with_code(talk.reply);
}

}  // namespace tocsin_plugins
