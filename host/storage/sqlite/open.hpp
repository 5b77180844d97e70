#pragma once

#include "storage/port.hpp"

namespace tocsin::storage::sqlite {

/// Opens, or makes, the file. `upto`: the newest migration to run, for tests of older databases; 0: all.
base::Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, const StoreSettings& settings,
                                                 model::SeriesTable& series, int upto = 0);

}  // namespace tocsin::storage::sqlite
