// From the ABI's functions to the member functions of a plugin class: every one noexcept, with the exception barrier,
// the thread tag, and the instance set for the thread. Authors do not need this file.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tocsin/traits.hpp"

namespace tsn::detail {

/// An instance: what the host's `self` points to.
template <class T>
struct Instance {
  Instance(const tsn_host* host, const tsn_create& create) : session(host, create) {
    session.config = create.config;
    const Entered entered(&session);
    object = std::make_unique<T>();
    session.config = nullptr;
  }
  ~Instance() {
    const Entered entered(&session);
    batch.reset();
    session.release();
    object.reset();
  }

  Session session;
  std::unique_ptr<T> object;
  std::unique_ptr<Batch> batch;  ///< of a polled source; made at the first pull
};

template <class T>
Instance<T>& instance_of(void* self) noexcept {
  return *static_cast<Instance<T>*>(self);
}

/// A [seq] call: the object is handed to `call` inside the barrier.
template <class T, class Call>
tsn_status sequential(void* self, tsn_err* err, Call&& call) noexcept {
  auto& instance = instance_of<T>(self);
  const Sequential tag(instance.session);
  return barrier(err, [&]() -> Status {
    tag.require();
    return as_status([&] { return call(instance); });
  });
}

template <class T>
struct Common {
  static tsn_status create(const tsn_host* host, const tsn_create* args, void** self, tsn_err* err) noexcept {
    return barrier(err, [&]() -> Status {
      if (!host || host->abi != TSN_ABI_VERSION) return invalid("this plugin is built for ABI 1");
      *self = new Instance<T>(host, read_struct(args));
      return ok;
    });
  }
  static void destroy(void* self) noexcept {
    barrier(nullptr, [&] { delete &instance_of<T>(self); });
  }
  static tsn_status start(void* self, tsn_bytes cursor, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) {
      if constexpr (StartsAt<T>)
        return in.object->start(view(cursor));
      else
        return in.object->start();
    });
  }
  static void stop(void* self) noexcept {
    auto& in = instance_of<T>(self);
    tsn_err err = empty_err();
    const auto status = sequential<T>(self, &err, [](Instance<T>& instance) -> Status {
      if constexpr (Stops<T>) {
        auto stopped = as_status([&] { return instance.object->stop(); });
        if (!stopped) return stopped;
      }
      if (!instance.batch || instance.batch->empty()) return ok;
      // What a full intake refused is offered again for a moment: nobody pulls after a stop.
      auto last = instance.batch->submit();
      for (int i = 0; i < 50 && last.status == retry; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        last = instance.batch->submit();
      }
      return last.status;
    });
    if (status != TSN_OK) in.session.log(TSN_LOG_WARN, "stop: " + std::string(err.msg, err.n));
    in.session.release();
    in.batch.reset();
  }
  static tsn_status reconfigure(void* self, const tsn_value* config, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) {
      struct Readable {
        Session& session;
        ~Readable() { session.config = nullptr; }
      } readable{in.session};
      in.session.config = config;
      return in.object->reconfigure(Config(config));
    });
  }
  static void cancel(void* self, tsn_token token) noexcept {
    auto& in = instance_of<T>(self);
    const Entered entered(&in.session);
    barrier(nullptr, [&] { in.object->cancel(token); });
  }
  static tsn_status save(void* self, tsn_out* out, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) -> Status {
      const std::string state = in.object->save();
      out->n = static_cast<std::uint32_t>(state.size());
      if (state.size() > out->cap) return retry;
      if (!state.empty()) std::memcpy(out->p, state.data(), state.size());
      return ok;
    });
  }
  static tsn_status probe(void* self, const tsn_upsert* dry_run, std::int64_t at, tsn_out* out, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) -> Status {
      std::string report;
      auto status = as_status([&] {
        if constexpr (ProbesUpserts<T>) {
          if (!dry_run) return in.object->probe(nullptr, report, Deadline{at});
          const auto change = to_upsert(dry_run);
          return in.object->probe(&change, report, Deadline{at});
        } else {
          return in.object->probe(report, Deadline{at});
        }
      });
      out->n = static_cast<std::uint32_t>(std::min<std::size_t>(report.size(), out->cap));
      if (out->n) std::memcpy(out->p, report.data(), out->n);
      return status;
    });
  }
  static tsn_status load(void* self, tsn_bytes state, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) { return in.object->load(view(state)); });
  }
};

/// Calls `call(token)`, then settles who answers: the status if the token is still here, its new owner otherwise.
template <class Call>
Status settle(Session& session, tsn_token id, Call&& call) {
  Token token(&session, id);
  try {
    auto status = as_status([&] { return call(token); });
    if (!token) return Status(TSN_PENDING, std::string());
    token.release();
    return status;
  } catch (const std::exception& error) {
    if (!token) {
      session.log(TSN_LOG_WARN, std::string("after its token was taken a call threw: ") + error.what());
      return Status(TSN_PENDING, std::string());
    }
    token.release();
    throw;
  } catch (...) {
    if (!token) return Status(TSN_PENDING, std::string());
    token.release();
    throw;
  }
}

template <class T>
struct SourceCalls {
  static tsn_status pull(void* self, tsn_token, std::int64_t deadline, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) -> Status {
      if (!in.batch) in.batch = std::make_unique<Batch>(in.session);
      // What the host refused last time goes first; until it is taken nothing new is read.
      if (!in.batch->empty())
        if (auto kept = in.batch->submit(); !kept.status) return kept.status;
      auto status = as_status([&] {
        if constexpr (PollsUntil<T>)
          return in.object->poll(*in.batch, Deadline{deadline});
        else
          return in.object->poll(*in.batch);
      });
      auto last = in.batch->submit();
      return last.status || !(status == ok || status == end) ? status : last.status;
    });
  }
  static tsn_status query(void* self, tsn_token id, const tsn_query* from, tsn_query_rows* to, std::int64_t at,
                          tsn_err* err) noexcept {
    auto& in = instance_of<T>(self);
    const Entered entered(&in.session);
    return barrier(err, [&] {
      const Query question(from);
      QueryRows rows(to);
      const Deadline deadline{at};
      return settle(in.session, id, [&]([[maybe_unused]] Token& token) {
        if constexpr (QueriesLater<T>)
          return in.object->query(question, rows, token, deadline);
        else
          return in.object->query(question, rows, deadline);
      });
    });
  }
};

template <class T>
struct NotifierCalls {
  static tsn_status deliver(void* self, tsn_token id, const tsn_message* from, std::int64_t at, tsn_delivered* out,
                            tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) -> Status {
      const auto message = to_message(from);
      const Deadline deadline{at};
      Delivered delivered;
      auto status = settle(in.session, id, [&]([[maybe_unused]] Token& token) {
        if constexpr (DeliversLater<T>)
          return in.object->deliver(message, delivered, token, deadline);
        else if constexpr (DeliversWithId<T>)
          return in.object->deliver(message, delivered, deadline);
        else if constexpr (DeliversUntil<T>)
          return in.object->deliver(message, deadline);
        else
          return in.object->deliver(message);
      });
      if (status.is_ok()) write_struct(out, to_abi(delivered));
      return status;
    });
  }
};

template <class T>
struct TrackerCalls {
  static tsn_status upsert(void* self, tsn_token id, const tsn_upsert* from, std::int64_t at, tsn_ticket* out,
                           tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) -> Status {
      const auto change = to_upsert(from);
      const Deadline deadline{at};
      Ticket ticket;
      auto status = settle(in.session, id, [&]([[maybe_unused]] Token& token) {
        if constexpr (UpsertsLater<T>)
          return in.object->upsert(change, ticket, token, deadline);
        else if constexpr (UpsertsUntil<T>)
          return in.object->upsert(change, ticket, deadline);
        else
          return in.object->upsert(change, ticket);
      });
      if (status.is_ok()) write_struct(out, to_abi(ticket));
      return status;
    });
  }
  static tsn_status sync(void* self, std::int64_t at, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) { return in.object->sync(Deadline{at}); });
  }
};

template <class T>
struct RouteCalls {
  static tsn_status handle(void* self, tsn_token id, const tsn_request* from, tsn_response* to, std::int64_t at,
                           tsn_err* err) noexcept {
    auto& in = instance_of<T>(self);
    const Entered entered(&in.session);
    return barrier(err, [&] {
      const Request request(from);
      Response response(to);
      const Deadline deadline{at};
      return settle(in.session, id, [&]([[maybe_unused]] Token& token) {
        if constexpr (HandlesLater<T>)
          return in.object->handle(request, response, token, deadline);
        else if constexpr (HandlesUntil<T>)
          return in.object->handle(request, response, deadline);
        else
          return in.object->handle(request, response);
      });
    });
  }
};

template <class T>
struct DetectorCalls {
  /// compile() returns a std::unique_ptr<Program>; evaluate() gets the Program back.
  using Owner = decltype(std::declval<T&>().compile(std::declval<const Rule&>(), std::declval<Inputs&>()));
  using Program = typename Owner::element_type;
  static_assert(
      requires(T t, Program& p, const Rows& rows, Verdicts& out) { t.evaluate(p, rows, out); },
      "a detector has evaluate(Program&, const tsn::Rows&, tsn::Verdicts&)");

  static tsn_status load(void* self, tsn_str file, tsn_str text, const tsn_rule_sink* to, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) {
      RuleSink sink(to);
      return in.object->load(view(file), view(text), sink);
    });
  }
  static void unload(void* self, tsn_str file) noexcept {
    sequential<T>(self, nullptr, [&](Instance<T>& in) { return in.object->unload(view(file)); });
  }
  static tsn_status compile(void* self, const tsn_rule* from, const tsn_inputs* to, void** program,
                            tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) -> Status {
      Inputs inputs(to);
      auto made = in.object->compile(Rule(from), inputs);
      if (!made) return invalid("compile() made no program");
      *program = made.release();
      return ok;
    });
  }
  static void release(void* self, void* program) noexcept {
    sequential<T>(self, nullptr, [&](Instance<T>&) { Owner(static_cast<Program*>(program)); });
  }
  static tsn_status evaluate(void* self, void* program, const tsn_rows* from, tsn_verdicts* to, tsn_err* err) noexcept {
    return sequential<T>(self, err, [&](Instance<T>& in) {
      const Rows rows(from);
      Verdicts verdicts(to);
      return in.object->evaluate(*static_cast<Program*>(program), rows, verdicts);
    });
  }
};

}  // namespace tsn::detail
