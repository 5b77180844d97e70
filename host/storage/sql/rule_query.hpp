// What the databases have in common about the queries of rules. Internal to the room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::storage::sql {

/// The query as the inner part of a SELECT that gives at most one row more than `most_rows`: nothing but a query can
/// stand there.
std::string guarded_query(std::string_view query, std::size_t most_rows);

/// The label a column becomes; the names users' tables have for what is a label of signals under another name.
std::string label_name(std::string_view column);

base::Error too_many_rows(std::size_t most_rows);
/// Of the column "value".
base::Error no_number(std::string_view text);

}  // namespace tocsin::storage::sql
