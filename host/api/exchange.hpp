// One request between its connection and whoever answers it. The answer may come while the call is still running (then
// it is taken without a detour) or later from any thread (then it is posted to the connection's lane).
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "api/connection.hpp"

namespace tocsin::api {

class Exchange final : public Responder {
 public:
  explicit Exchange(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~Exchange() override {
    if (!answered_) answer(to_reply(Problem(500, "whoever should have answered this request gave it up"), ""));
  }

  void answer(Reply reply) override {
    if (answered_.exchange(true)) return;
    reply_ = std::move(reply);
    if (state_.exchange(State::answered) == State::later) post();
  }

  /// Lane's thread, once, after the call: true where the answer is there already.
  bool take(Reply& reply) {
    State expected = State::calling;
    if (state_.compare_exchange_strong(expected, State::later)) return false;
    reply = std::move(reply_);
    return true;
  }

 private:
  enum class State { calling, later, answered };
  void post() {
    Lane& lane = connection_->lane();
    lane.post(
        [connection = connection_, reply = std::move(reply_)]() mutable { connection->resume(std::move(reply)); });
  }

  const std::shared_ptr<Connection> connection_;
  std::atomic<bool> answered_{false};
  std::atomic<State> state_{State::calling};
  Reply reply_;
};

}  // namespace tocsin::api
