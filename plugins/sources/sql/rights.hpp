// The verdict about an account: what it may do besides reading.
#pragma once

#include <string>
#include <vector>

namespace tocsin_plugins::sql {

/// "INSERT on orders, CREATE in the schema public and 3 more": for one line.
std::string listed(const std::vector<std::string>& rights);

}  // namespace tocsin_plugins::sql
