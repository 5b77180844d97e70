// Prometheus' HTTP API: questions by form, answers and what is wrong with them as one text.
//
// A server that nothing connects to is left alone for a second, then two, up to fifteen; meanwhile the same failure is
// given at once, so that many queries do not each wait for it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "answer.hpp"
#include "settings.hpp"
#include "tocsin/context.hpp"

namespace tocsin_plugins::prometheus {

/// Why a question has no answer.
enum class Fault {
  none,
  unreachable,  ///< nothing was sent
  no_answer,    ///< sent, and nothing whole came back in time
  denied,       ///< 401, 403
  question,     ///< the expression, or what it makes, is at fault
  server,       ///< an error of the server, or of a proxy before it
  busy,         ///< 429, or it said when to come again
  unreadable,   ///< an answer that is none of this API
  too_large,    ///< over max_size or max_samples
  partial       ///< without what a store could not give
};
const char* name_of(Fault fault);
/// The server is not there, or not as it should be: other questions would fare no better.
constexpr bool of_server(Fault fault) {
  switch (fault) {
    case Fault::unreachable:
    case Fault::no_answer:
    case Fault::denied:
    case Fault::server:
    case Fault::unreadable:
      return true;
    default:
      return false;
  }
}

struct Reply {
  tsn::Status status = tsn::ok;
  Fault fault = Fault::none;
  Answer answer;
  double seconds = 0;
};

/// [any]
class Api {
 public:
  Api(const tsn::Context& ctx, ApiSettings settings) : ctx_(ctx), settings_(std::move(settings)) {}

  Reply ask(const std::string& expr, tsn::Time at, tsn::Deadline deadline);
  Reply ask_range(const std::string& expr, tsn::Time first, tsn::Time last, std::chrono::nanoseconds step,
                  tsn::Deadline deadline);
  /// The server's version; empty where it does not tell.
  Reply version(std::string& out, tsn::Deadline deadline);
  /// Lets go of connections that are at rest.
  void close();
  const ApiSettings& settings() const noexcept { return settings_; }

 private:
  Reply exchange(std::string_view path, std::string form, tsn::Deadline deadline);
  tsn::Status perform(std::string_view path, const std::string& form, tsn::Deadline deadline, HttpAnswer& answer);
  Reply judge(HttpAnswer answer) const;
  Reply judge_error(const HttpAnswer& answer) const;
  Reply judge_data(Answer answer) const;
  Reply failure(Fault fault, tsn_status status, const std::string& text, const HttpAnswer* answer = nullptr) const;
  Reply unreached(const tsn::Status& status, const HttpAnswer& answer);
  bool is_left_alone(Reply& reply);
  void note_reached();
  std::unique_ptr<HttpClient> take();
  void give_back(std::unique_ptr<HttpClient> client);

  const tsn::Context ctx_;
  const ApiSettings settings_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_;
  bool by_get_ = false;  ///< the server takes no POST
  int failures_ = 0;     ///< to connect, in a row
  tsn::Time not_before_ = 0;
  std::string last_failure_;
};

}  // namespace tocsin_plugins::prometheus
