// From a whole request to whoever answers it: access, the route table, the plugins' routes, or a problem document.
#pragma once

#include <memory>
#include <optional>

#include "api/access.hpp"
#include "api/backend.hpp"
#include "api/message.hpp"
#include "api/routes.hpp"
#include "api/waiters.hpp"
#include "api/worker.hpp"

namespace tocsin::api {

/// Takes the one answer to a request. Any thread; a second answer is ignored. When the last reference goes without an
/// answer, the request is answered 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void answer(Reply reply) = 0;
};

class Passer;

class Dispatcher {
 public:
  Dispatcher(Backend& backend, Access access, Worker& worker, Passer& passer)
      : backend_(backend), access_(std::move(access)), worker_(worker), passer_(passer) {}

  /// Called on an io thread; never blocks but in a plugin's route. The request stays valid until it is answered.
  void handle(const Request& request, const Door& door, const std::shared_ptr<Responder>& responder);
  /// The answer to a request that may not be asked at all, whose head is there and whose body is not: so that nobody
  /// makes the agent read what it will not take. Called on an io thread; never blocks.
  std::optional<Reply> refuse_early(const Request& request, const Door& door);
  /// Runs on a worker; false where too much waits already. Any thread.
  bool later(std::function<void()> task) { return worker_.submit(std::move(task)); }
  /// What requests wait for may have come. Any thread; never blocks.
  void changed() { run_again(waiters_.changed()); }
  /// Answers the requests whose wait is over. A lane calls it now and then.
  void look(Waiters::Time now) { run_again(waiters_.due(now)); }
  /// Answers all that wait with what there is; none waits any more.
  void end_waits() { run_again(waiters_.close()); }
  /// The next piece of a Reply::more; what it throws is an error.
  static base::Result<bool> guarded(const std::function<base::Result<bool>(std::string&)>& more, std::string& piece);
  /// The documented path of a plugin's route for the label `uri`, or the path as it is.
  std::string plugin_uri(std::string_view path);

 private:
  void run(const Route& route, std::vector<std::string> path, const Request& request,
           const std::shared_ptr<Responder>& responder);
  void run_here(const Route& route, const std::vector<std::string>& path, const Request& request,
                const std::shared_ptr<Responder>& responder);
  void pass_on(const Route& route, const std::vector<std::string>& path, const Request& request,
               const std::shared_ptr<Responder>& responder);
  bool decides();
  /// On a worker: answers, or keeps the request until something changes.
  void answer(const Route& route, const std::vector<std::string>& path, const Request& request,
              const std::shared_ptr<Responder>& responder, Waiters::Time until);
  Waiters::Added wait(const Route& route, const std::vector<std::string>& path, const Request& request,
                      const std::shared_ptr<Responder>& responder, Waiters::Time until, std::uint64_t turn);
  void run_again(std::vector<Waiters::Again> woken);
  Reply answer_unknown(const Request& request, const Door& door);
  bool pass_to_plugin(const Request& request, const std::shared_ptr<Responder>& responder);

  Backend& backend_;
  Access access_;
  Worker& worker_;
  Passer& passer_;
  Waiters waiters_;
};

/// `Reply::uri` of answers of plugins; the server puts the path in its place.
constexpr std::string_view plugin_path = "*";

}  // namespace tocsin::api
