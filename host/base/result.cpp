#include "base/result.hpp"

namespace tocsin::base {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return "invalid";
    case Fault::not_found:
      return "not_found";
    case Fault::conflict:
      return "conflict";
    case Fault::denied:
      return "denied";
    case Fault::unavailable:
      return "unavailable";
    case Fault::deadline:
      return "deadline";
    case Fault::exhausted:
      return "exhausted";
    case Fault::unsupported:
      return "unsupported";
    case Fault::corrupt:
      return "corrupt";
    case Fault::cancelled:
      return "cancelled";
    case Fault::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace tocsin::base
