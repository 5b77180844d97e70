// The page behind an action link of a message (GET and POST /a/TOKEN): one thing to do and one button, for a phone, by
// day and by night, without script. A GET of it changes nothing, for mail scanners follow links; the button is a form
// that POSTs to the same address.
#pragma once

#include <string>
#include <string_view>

#include "api/backend.hpp"
#include "api/message.hpp"
#include "api/problem.hpp"

namespace tocsin::api {

/// What the link would do, with its button; where there is nothing to do (any more), why. 200, 403 forged, 404 no such
/// incident, 410 over, 429 too many forged ones.
Reply link_page(const LinkView& view);
/// What became of it: 200 done or done before, 409 not possible (any more), or as link_page().
Reply followed_page(const LinkView& view);
/// A refusal for somebody with a browser.
Reply problem_page(const Problem& problem);

/// The page's style, whose SHA-256 its Content-Security-Policy names: no other style and no script runs in it.
std::string_view link_page_style();
std::string_view link_page_policy();

/// &, <, > and quotes as HTML wants them.
std::string html_escaped(std::string_view text);

}  // namespace tocsin::api
