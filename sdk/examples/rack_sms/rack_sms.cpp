// SMS by a modem server in the rack that speaks lines over TCP: "SEND +15550100 disk full" is answered "OK m-17",
// "STATE m-17" is answered "QUEUED", "DELIVERED" or "LOST". It may also POST "m-17 DELIVERED" to /callbacks/rack_sms.
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tocsin/plugin.hpp>

class RackSms {
 public:
  static constexpr auto id = "rack_sms", version = "1.0.0", doc = "SMS by the modem server in the rack";
  static constexpr tsn::Option options[] = {
      {.key = "server", .flags = tsn::required, .doc = "HOST:PORT of the modem server"},
      {.key = "token", .flags = tsn::required | tsn::secret, .doc = "What its callbacks show as bearer token"},
      {.key = "ask_every", .type = tsn::duration, .fallback = "\"15s\"", .min = "\"1s\"", .doc = "For states"}};
  static constexpr tsn::Route routes[] = {{"POST", "/callbacks/rack_sms", "What became of a message"}};
  static constexpr const char* needs[] = {"network"};
  static constexpr auto address_field = "phone";  // the contacts' field that message.recipient.address holds

  RackSms()
      : server_(ctx_.config().str("server")),
        bearer_("Bearer " + std::string(ctx_.config().str("token"))),
        ask_every_(ctx_.config().duration("ask_every")) {
    if (server_.find(':') == server_.npos) ctx_.config()["server"].wrong("HOST:PORT");
  }

  void start() {
    std::lock_guard lock(mutex_);
    if (const auto kv = ctx_.kv()) read_sent(kv.get("sent").value_or(""));  // a restart forgets nobody
    if (!sent_.empty()) ask_later();
  }

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& delivered, tsn::Deadline deadline) {
    std::string text(message.text.empty() ? message.title : message.text);
    for (char& c : text)
      if (static_cast<unsigned char>(c) < ' ') c = ' ';  // nothing in a text may begin a second command
    std::string answer;
    const auto asked = ask("SEND " + std::string(message.recipient.address) + " " + text, deadline, answer);
    if (!asked) return asked;
    if (answer.starts_with("BUSY"))
      return tsn::retry_later("rack_sms: " + server_ + " is busy", std::chrono::seconds(10));
    if (!answer.starts_with("OK ")) return tsn::invalid("rack_sms: " + server_ + " refused the message: " + answer);
    delivered.provider_id = answer.substr(3);
    std::lock_guard lock(mutex_);
    sent_[delivered.provider_id] = message.key;
    keep();
    ask_later();
    return tsn::ok;
  }

  // [any] thread, unlike the rest.
  void handle(const tsn::Request& request, tsn::Response& response) {
    if (request.header("authorization") != bearer_) return void(response.status(401));
    const std::string body(request.body());
    const auto space = body.find(' ');
    if (space == body.npos) return void(response.status(400).body("expected ID STATE\n"));
    const auto told = tell(body.substr(0, space), body.substr(space + 1));
    response.status(told == tsn::retry ? 503 : 200);  // 503: not now, say it again
  }

 private:
  /// Hands in what became of a message; the host keeps it before it answers OK.
  tsn::Status tell(const std::string& id, std::string state) {
    while (!state.empty() && state.back() <= ' ') state.pop_back();
    const bool delivered = state == "DELIVERED", ended = delivered || state == "LOST";
    const auto as = delivered ? TSN_RECEIPT_DELIVERED : ended ? TSN_RECEIPT_FAILED : TSN_RECEIPT_ON_ITS_WAY;
    auto told = ctx_.feedback().receipt(
        {.state = static_cast<tsn_receipt_state>(as), .key = key_of(id), .provider_id = id, .detail = state});
    if (told == tsn::retry || !ended) return told;
    std::lock_guard lock(mutex_);
    if (sent_.erase(id)) keep();
    return told;
  }

  void ask_states() {
    std::map<std::string, std::string> now;
    {
      std::lock_guard lock(mutex_);
      now = sent_;
      asking_ = false;
    }
    for (const auto& [id, key] : now) {
      std::string state;
      if (ctx_.stopping()) return;
      if (!ask("STATE " + id, tsn::Deadline{ctx_.now() + 2'000'000'000}, state)) break;  // later
      if (const auto told = tell(id, state); !told) ctx_.warn("the state of " + id + ": " + told.text());
    }
    std::lock_guard lock(mutex_);
    if (!sent_.empty()) ask_later();
  }

  /// One line there and one back. UNKNOWN where the answer is lost: the message may have gone out.
  tsn::Status ask(const std::string& line, tsn::Deadline deadline, std::string& answer) const {
    const auto colon = server_.rfind(':');
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(server_.substr(0, colon).c_str(), server_.substr(colon + 1).c_str(), &hints, &found) != 0)
      return tsn::fail("rack_sms: the name in server = \"" + server_ + "\" is not known");
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
    const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const std::unique_ptr<const int, void (*)(const int*)> closed(&fd, [](const int* f) { close(*f); });
    const timeval most{deadline.milliseconds() / 1000, deadline.milliseconds() % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);  // connect() keeps it too
    if (connect(fd, found->ai_addr, found->ai_addrlen) != 0)
      return tsn::fail("rack_sms: " + server_ + " takes no connection");
    const std::string bytes = line + "\n";
    char buffer[512];
    if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()))
      for (ssize_t n; answer.find('\n') == answer.npos && (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    if (answer.find('\n') == answer.npos) return tsn::unknown("rack_sms: " + server_ + " gave no answer in time");
    answer.resize(answer.find('\n'));
    return tsn::ok;
  }

  // The caller locks.
  void ask_later() {
    if (!std::exchange(asking_, true)) ctx_.timer(ask_every_, [this] { ask_states(); });
  }
  void keep() const try {
    std::string text;
    for (const auto& [id, key] : sent_) text += id + " " + key + "\n";
    ctx_.kv().put("sent", text);
  } catch (const tsn::Failure& failure) {  // what went out stays what went out
    ctx_.warn(std::string("what was sent is not kept over a restart: ") + failure.what());
  }
  void read_sent(std::string_view text) {
    for (; !text.empty(); text.remove_prefix(text.find('\n') + 1)) {
      const auto line = text.substr(0, text.find('\n'));
      sent_[std::string(line.substr(0, line.find(' ')))] = line.substr(line.find(' ') + 1);
    }
  }
  std::string key_of(const std::string& id) {
    std::lock_guard lock(mutex_);
    const auto at = sent_.find(id);
    return at == sent_.end() ? std::string() : at->second;
  }

  tsn::Context ctx_;
  std::string server_, bearer_;
  std::chrono::nanoseconds ask_every_;
  std::mutex mutex_;
  std::map<std::string, std::string> sent_;  ///< the server's id, the message's key
  bool asking_ = false;
};
TOCSIN_PLUGIN(RackSms)
