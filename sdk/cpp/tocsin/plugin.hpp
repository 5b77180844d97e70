// The whole SDK for authors of plugins: include this, write a class, name it in TOCSIN_PLUGIN. sdk/README.md shows how.
// C++20. Nothing here is linked to: the host is reached through the table that it hands over.
#pragma once

#include <array>

#include "tocsin/batch.hpp"
#include "tocsin/config.hpp"
#include "tocsin/context.hpp"
#include "tocsin/describe.hpp"
#include "tocsin/detector.hpp"
#include "tocsin/http.hpp"
#include "tocsin/incident.hpp"
#include "tocsin/note.hpp"
#include "tocsin/query.hpp"
#include "tocsin/status.hpp"
#include "tocsin/token.hpp"
#include "tocsin/traits.hpp"
#include "tocsin/trampolines.hpp"

namespace tsn::detail {

template <class List>
constexpr auto* data_or_null(const List& list) {
  return list.size() ? list.data() : nullptr;
}

template <class T>
constexpr tsn_source_vtable make_source() {
  tsn_source_vtable out{};
  out.size = sizeof out;
  out.features = Declared<T>::source_features;
  if constexpr (Polls<T>) out.pull = &SourceCalls<T>::pull;
  out.query_options = data_or_null(Declared<T>::query_options);
  out.query_option_count = static_cast<std::uint32_t>(Declared<T>::query_options.size());
  out.query_option_stride = sizeof(tsn_option);
  if constexpr (Queries<T>) out.query = &SourceCalls<T>::query;
  return out;
}

template <class T>
constexpr tsn_detector_vtable make_detector() {
  tsn_detector_vtable out{};
  out.size = sizeof out;
  out.features = Declared<T>::detector_features;
  out.rule_options = data_or_null(Declared<T>::rule_options);
  out.rule_option_count = static_cast<std::uint32_t>(Declared<T>::rule_options.size());
  out.rule_option_stride = sizeof(tsn_option);
  if constexpr (LoadsScripts<T>) out.load = &DetectorCalls<T>::load;
  if constexpr (UnloadsScripts<T>) out.unload = &DetectorCalls<T>::unload;
  out.compile = &DetectorCalls<T>::compile;
  out.release = &DetectorCalls<T>::release;
  out.evaluate = &DetectorCalls<T>::evaluate;
  out.extension = Declared<T>::extension;
  return out;
}

template <class T>
constexpr tsn_routes_vtable make_routes() {
  tsn_routes_vtable out{};
  out.size = sizeof out;
  out.routes = data_or_null(Declared<T>::routes);
  out.route_count = static_cast<std::uint32_t>(Declared<T>::routes.size());
  out.route_stride = sizeof(tsn_route);
  out.handle = &RouteCalls<T>::handle;
  return out;
}

template <class T>
struct Vtables {
  static constexpr const tsn_source_vtable* source() {
    if constexpr ((Declared<T>::kinds & TSN_KIND_SOURCE) != 0) {
      return &held<tsn_source_vtable, &make_source<T>>;
    } else {
      return nullptr;
    }
  }
  static constexpr const tsn_detector_vtable* detector() {
    if constexpr (Detects<T>)
      return &held<tsn_detector_vtable, &make_detector<T>>;
    else
      return nullptr;
  }
  static constexpr const tsn_notifier_vtable* notifier() {
    if constexpr (Delivers<T>)
      return &notifier_table;
    else
      return nullptr;
  }
  static constexpr const tsn_tracker_vtable* tracker() {
    if constexpr (Upserts<T>)
      return &tracker_table;
    else
      return nullptr;
  }
  static constexpr const tsn_routes_vtable* routes() {
    if constexpr (Handles<T>)
      return &held<tsn_routes_vtable, &make_routes<T>>;
    else
      return nullptr;
  }

 private:
  template <class Table, Table (*make)()>
  static constexpr Table held = make();
  static constexpr tsn_notifier_vtable notifier_table = [] {
    tsn_notifier_vtable out{};
    if constexpr (Delivers<T>) {
      out = {sizeof out, Declared<T>::notifier_features, &NotifierCalls<T>::deliver, Declared<T>::address_field};
    }
    return out;
  }();
  static constexpr tsn_tracker_vtable tracker_table = [] {
    tsn_tracker_vtable out{};
    if constexpr (Upserts<T>) out = {sizeof out, 0, &TrackerCalls<T>::upsert, nullptr};
    if constexpr (Syncs<T>) out.sync = &TrackerCalls<T>::sync;
    return out;
  }();
};

template <class T>
constexpr tsn_type make_type() {
  using D = Declared<T>;
  tsn_type out{};
  out.size = sizeof out;
  out.kinds = D::kinds;
  out.id = D::id;
  out.version = D::version;
  out.doc = D::doc;
  out.options = data_or_null(D::options);
  out.option_count = static_cast<std::uint32_t>(D::options.size());
  out.option_stride = sizeof(tsn_option);
  out.signals = data_or_null(D::signals);
  out.signal_count = static_cast<std::uint32_t>(D::signals.size());
  out.signal_stride = sizeof(tsn_signal_doc);
  out.needs = data_or_null(D::needs);
  out.need_count = static_cast<std::uint32_t>(D::needs.size());
  out.need_stride = sizeof(tsn_str);
  out.create = &Common<T>::create;
  out.destroy = &Common<T>::destroy;
  if constexpr (Starts<T>) out.start = &Common<T>::start;
  out.stop = &Common<T>::stop;
  if constexpr (Reconfigures<T>) out.reconfigure = &Common<T>::reconfigure;
  if constexpr (Cancels<T>) out.cancel = &Common<T>::cancel;
  if constexpr (Saves<T>) out.save = &Common<T>::save;
  if constexpr (Loads<T>) out.load = &Common<T>::load;
  if constexpr (Probes<T>) out.probe = &Common<T>::probe;
  out.source = Vtables<T>::source();
  out.detector = Vtables<T>::detector();
  out.notifier = Vtables<T>::notifier();
  out.tracker = Vtables<T>::tracker();
  out.routes = Vtables<T>::routes();
  return out;
}

template <class T>
inline constexpr tsn_type type_of = make_type<T>();

template <class... Types>
inline constexpr std::array<const tsn_type*, sizeof...(Types)> types_of = {&type_of<Types>...};

template <class... Types>
inline constexpr tsn_plugin plugin_of = {sizeof(tsn_plugin), TSN_ABI_VERSION, types_of<Types...>.data(),
                                         sizeof...(Types), 0};

}  // namespace tsn::detail

/// Once in a plugin: exports its types and writes its ELF note.
#define TOCSIN_PLUGIN(...)                                                                                         \
  [[gnu::section(TSN_NOTE_SECTION), gnu::used, gnu::retain]] alignas(4) static constexpr auto tocsin_plugin_note = \
      ::tsn::detail::make_note<__VA_ARGS__>();                                                                     \
  extern "C" [[gnu::visibility("default")]] const tsn_plugin* tsn_plugin_entry_v1() noexcept;                      \
  extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept {                                                    \
    return &::tsn::detail::plugin_of<__VA_ARGS__>;                                                                 \
  }
