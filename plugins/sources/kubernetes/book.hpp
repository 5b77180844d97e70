// What holds now: the facts of every object, told when they change, again on request, and ended with the object.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "facts.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kube {

/// Interns the series of facts. What the host refuses is counted, and told once in a while.
class Interner {
 public:
  explicit Interner(tsn::Context ctx) : ctx_(ctx) {}
  /// False: the host has no room for it.
  bool find(const Fact& fact, tsn::Series& out);
  /// Tells of what was refused since the last time.
  void report();

 private:
  tsn::Context ctx_;
  std::vector<tsn::LabelView> views_;
  std::uint32_t refused_ = 0;
  std::string name_, why_;
};

/// The objects of one list: no lock of its own.
class Book {
 public:
  explicit Book(Interner& series) : series_(&series) {}

  /// Takes an object as it is now: tells what is new or has another value, ends the series it has no more.
  void apply(Object&& object, tsn::Batch& out, tsn::Time now);
  /// The object is gone: ends its series.
  void remove(const std::string& key, tsn::Batch& out, tsn::Time now);
  /// A list begins; what apply() does not meet until end_list() is gone.
  void begin_list() { ++list_; }
  void end_list(tsn::Batch& out, tsn::Time now);
  /// As though the list had the object as it was. False: it is not known.
  bool keep(const std::string& key);
  /// Everything that holds, once more.
  void write(tsn::Batch& out, tsn::Time now);
  std::size_t size() const noexcept { return objects_.size(); }

 private:
  struct Told {
    Fact fact;
    tsn::Series series;  ///< 0: refused so far
  };
  struct Kept {
    std::vector<Told> facts;
    std::uint64_t list = 0;  ///< the last that had it
  };
  void tell(Told& told, tsn::Batch& out, tsn::Time now);
  static void end(const Told& told, tsn::Batch& out, tsn::Time now);

  Interner* series_;
  std::unordered_map<std::string, Kept> objects_;
  std::uint64_t list_ = 0;
};

}  // namespace tocsin_plugins::kube
