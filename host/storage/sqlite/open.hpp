#pragma once

#include "storage/port.hpp"

namespace tocsin::storage::sqlite {

/// Opens, or makes, the file, and migrates it; a backup of an older one stays beside it ("tocsin.db.schema-1.bak").
base::Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, const StoreSettings& settings,
                                                 model::SeriesTable& series);

}  // namespace tocsin::storage::sqlite
