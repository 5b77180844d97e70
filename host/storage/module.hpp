// The line between the agent and its store module: two C symbols. Both sides are one build (the version says so), so
// what crosses are C++ objects; nothing is thrown.
#pragma once

#include <memory>
#include <string>

#include "storage/port.hpp"

namespace tocsin::storage {

using StoreModuleVersion = const char* (*)();
using StoreModuleOpen = void (*)(const StoreSettings* settings, model::SeriesTable* series,
                                 base::Result<std::unique_ptr<Store>>* result);
constexpr const char* store_module_version_name = "tocsin_store_module_version";
constexpr const char* store_module_open_name = "tocsin_store_module_open";

/// Differs between versions, and between builds whose values differ in size.
inline const std::string& store_module_version() {
  static const std::string text = std::string(TOCSIN_VERSION) + "/" + std::to_string(sizeof(StoreSettings)) + "/" +
                                  std::to_string(sizeof(model::Delivery)) + "/" +
                                  std::to_string(sizeof(model::Changes));
  return text;
}

}  // namespace tocsin::storage
