// What a plugin class is, deduced from what it has, and its declarations as ABI structs at compile time.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "tocsin/batch.hpp"
#include "tocsin/describe.hpp"
#include "tocsin/detector.hpp"
#include "tocsin/http.hpp"
#include "tocsin/incident.hpp"
#include "tocsin/query.hpp"
#include "tocsin/token.hpp"

namespace tsn::detail {

// The forms a function may take; the longest is the whole, the shorter ones leave out what an author does not need.
template <class T>
concept PollsUntil = requires(T t, Batch& batch, Deadline deadline) { t.poll(batch, deadline); };
template <class T>
concept Polls = PollsUntil<T> || requires(T t, Batch& batch) { t.poll(batch); };

template <class T>
concept QueriesLater =
    requires(T t, const Query& q, QueryRows& out, Token& token, Deadline d) { t.query(q, out, token, d); };
template <class T>
concept Queries = QueriesLater<T> || requires(T t, const Query& q, QueryRows& out, Deadline d) { t.query(q, out, d); };

template <class T>
concept DeliversLater =
    requires(T t, const Message& m, Delivered& out, Token& token, Deadline d) { t.deliver(m, out, token, d); };
template <class T>
concept DeliversWithId = requires(T t, const Message& m, Delivered& out, Deadline d) { t.deliver(m, out, d); };
template <class T>
concept DeliversUntil = requires(T t, const Message& m, Deadline d) { t.deliver(m, d); };
template <class T>
concept Delivers =
    DeliversLater<T> || DeliversWithId<T> || DeliversUntil<T> || requires(T t, const Message& m) { t.deliver(m); };

template <class T>
concept UpsertsLater =
    requires(T t, const Upsert& u, Ticket& out, Token& token, Deadline d) { t.upsert(u, out, token, d); };
template <class T>
concept UpsertsUntil = requires(T t, const Upsert& u, Ticket& out, Deadline d) { t.upsert(u, out, d); };
template <class T>
concept Upserts =
    UpsertsLater<T> || UpsertsUntil<T> || requires(T t, const Upsert& u, Ticket& out) { t.upsert(u, out); };

template <class T>
concept Syncs = requires(T t, Deadline d) { t.sync(d); };

template <class T>
concept ProbesUpserts =
    requires(T t, const Upsert* dry_run, std::string& report, Deadline d) { t.probe(dry_run, report, d); };
template <class T>
concept Probes = ProbesUpserts<T> || requires(T t, std::string& report, Deadline d) { t.probe(report, d); };

template <class T>
concept HandlesLater =
    requires(T t, const Request& q, Response& p, Token& token, Deadline d) { t.handle(q, p, token, d); };
template <class T>
concept HandlesUntil = requires(T t, const Request& q, Response& p, Deadline d) { t.handle(q, p, d); };
template <class T>
concept Handles =
    HandlesLater<T> || HandlesUntil<T> || requires(T t, const Request& q, Response& p) { t.handle(q, p); };

template <class T>
concept Detects = requires(T t, const Rule& rule, Inputs& inputs) { *t.compile(rule, inputs); };
template <class T>
concept LoadsScripts =
    requires(T t, std::string_view file, std::string_view text, RuleSink& sink) { t.load(file, text, sink); };
template <class T>
concept UnloadsScripts = requires(T t, std::string_view file) { t.unload(file); };

template <class T>
concept StartsAt = requires(T t, std::string_view cursor) { t.start(cursor); };
template <class T>
concept Starts = StartsAt<T> || requires(T t) { t.start(); };
template <class T>
concept Stops = requires(T t) { t.stop(); };
template <class T>
concept Reconfigures = requires(T t, const Config& config) { t.reconfigure(config); };
template <class T>
concept Cancels = requires(T t, tsn_token id) { t.cancel(id); };
template <class T>
concept Saves = requires(T t) {
  { t.save() } -> std::convertible_to<std::string>;
};
template <class T>
concept Loads = requires(T t, std::string_view state) { t.load(state); };

template <class T>
consteval tsn_kind kinds_of() {
  tsn_kind kinds = 0;
  if (Detects<T>) kinds |= TSN_KIND_DETECTOR;
  if (Delivers<T>) kinds |= TSN_KIND_NOTIFIER;
  if (Upserts<T>) kinds |= TSN_KIND_TRACKER;
  // A source need not be polled: one that pushes from its own threads, timers or routes declares its signals.
  if (Polls<T> || Queries<T> || requires { T::signals; } || (Handles<T> && kinds == 0)) kinds |= TSN_KIND_SOURCE;
  return kinds;
}

constexpr tsn_str text_of(const char* text) {
  return str(std::string_view(text));
}
constexpr tsn_option to_abi(const Option& o) {
  return {text_of(o.key),     o.type,        o.flags, text_of(o.fallback), text_of(o.min), text_of(o.max),
          text_of(o.choices), text_of(o.doc)};
}
constexpr tsn_signal_doc to_abi(const Signal& s) {
  return {text_of(s.name), text_of(s.unit), text_of(s.labels), text_of(s.doc)};
}
constexpr tsn_route to_abi(const Route& r) {
  return {text_of(r.method), text_of(r.path), text_of(r.doc)};
}
constexpr tsn_str to_abi(const char* text) {
  return text_of(text);
}

template <class To, class From, std::size_t N>
constexpr std::array<To, N> to_array(const From (&list)[N]) {
  std::array<To, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = to_abi(list[i]);
  return out;
}

/// The declarations of T. Every one is optional but `id` and `version`.
template <class T>
struct Declared {
  static constexpr tsn_kind kinds = kinds_of<T>();
  static_assert(
      kinds != 0,
      "a plugin class has poll(), deliver(), upsert(), compile() and evaluate(), or handle(), with the parameters "
      "that sdk/README.md names; a source without poll() declares `signals`");
  static constexpr tsn_str id = text_of(T::id);
  static constexpr tsn_str version = text_of(T::version);
  static constexpr tsn_str doc = [] {
    if constexpr (requires { T::doc; })
      return text_of(T::doc);
    else
      return tsn_str{};
  }();
  static constexpr auto options = [] {
    if constexpr (requires { T::options; })
      return to_array<tsn_option>(T::options);
    else
      return std::array<tsn_option, 0>{};
  }();
  static constexpr auto rule_options = [] {
    if constexpr (requires { T::rule_options; })
      return to_array<tsn_option>(T::rule_options);
    else
      return std::array<tsn_option, 0>{};
  }();
  static constexpr auto query_options = [] {
    if constexpr (requires { T::query_options; })
      return to_array<tsn_option>(T::query_options);
    else
      return std::array<tsn_option, 0>{};
  }();
  static_assert(!Queries<T> || query_options.size() > 0,
                "query() needs `static constexpr tsn::Option query_options[]`");
  static constexpr auto signals = [] {
    if constexpr (requires { T::signals; })
      return to_array<tsn_signal_doc>(T::signals);
    else
      return std::array<tsn_signal_doc, 0>{};
  }();
  static constexpr auto routes = [] {
    if constexpr (requires { T::routes; })
      return to_array<tsn_route>(T::routes);
    else
      return std::array<tsn_route, 0>{};
  }();
  static constexpr auto needs = [] {
    if constexpr (requires { T::needs; })
      return to_array<tsn_str>(T::needs);
    else
      return std::array<tsn_str, 0>{};
  }();
  static constexpr tsn_str address_field = [] {
    if constexpr (requires { T::address_field; })
      return text_of(T::address_field);
    else
      return tsn_str{};
  }();
  static constexpr const char* extension = [] {
    if constexpr (requires { T::extension; })
      return static_cast<const char*>(T::extension);
    else
      return static_cast<const char*>(nullptr);
  }();
  static constexpr tsn_str extension_text = [] {
    if constexpr (requires { T::extension; })
      return text_of(T::extension);
    else
      return tsn_str{};
  }();
  /// `features` speaks of the type's one kind; a type of several kinds says source_features and so on.
  static constexpr std::uint32_t plain_features = [] {
    if constexpr (requires { T::features; })
      return std::uint32_t{T::features};
    else
      return std::uint32_t{0};
  }();
  static_assert(plain_features == 0 || (kinds & (kinds - 1)) == 0,
                "this type has several kinds: declare source_features, detector_features or notifier_features");
  static constexpr std::uint32_t answering = Queries<T> ? std::uint32_t{TSN_SOURCE_QUERIES} : 0;
  static constexpr std::uint32_t source_features = [] {
    if constexpr (requires { T::source_features; })
      return std::uint32_t{T::source_features} | answering;
    else
      return (kinds & TSN_KIND_SOURCE ? plain_features : 0) | answering;
  }();
  static constexpr std::uint32_t detector_features = [] {
    if constexpr (requires { T::detector_features; })
      return std::uint32_t{T::detector_features};
    else
      return kinds & TSN_KIND_DETECTOR ? plain_features : 0;
  }();
  static constexpr std::uint32_t notifier_features = [] {
    if constexpr (requires { T::notifier_features; })
      return std::uint32_t{T::notifier_features};
    else
      return kinds & TSN_KIND_NOTIFIER ? plain_features : 0;
  }();
  static_assert(!Handles<T> || routes.size() > 0, "handle() needs `static constexpr tsn::Route routes[]`");
};

}  // namespace tsn::detail
