// The agent's version, from CMake's project().
#pragma once

namespace tocsin::app {
#ifdef TOCSIN_VERSION
inline constexpr const char* tocsin_version = TOCSIN_VERSION;
#else
inline constexpr const char* tocsin_version = "0.0.0";
#endif
}  // namespace tocsin::app
