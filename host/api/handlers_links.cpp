// GET and POST /a/TOKEN: action links of messages. The token is all the right it takes, and only the POST does
// anything.
#include "api/handlers.hpp"
#include "api/link_page.hpp"

namespace tocsin::api::handlers {
namespace {

constexpr std::size_t most_form = 4096;  ///< the form has no fields: a browser sends nothing at all

}  // namespace

Outcome show_link(Backend& backend, const Call& call) {
  TRY(const LinkView view, backend.link_view(call.path[0], call.request.remote));
  return link_page(view);
}

Outcome follow_link(Backend& backend, const Call& call) {
  if (call.request.body.size() > most_form) {
    return std::unexpected(Problem(413, "the button of this page sends nothing; this request carries " +
                                            std::to_string(call.request.body.size()) + " bytes"));
  }
  TRY(const LinkView view, backend.follow_link(call.path[0], call.request.remote));
  return followed_page(view);
}

}  // namespace tocsin::api::handlers
