// The two parts of a mail. Both say all that the page says; lines end in "\n".
#pragma once

#include <string>

#include "message_text/page.hpp"

namespace tocsin_plugins {

std::string text_body(const Page& page);
/// One table of inline styles, no image, no script, nothing loaded from elsewhere; every text escaped.
std::string html_body(const Page& page);
/// A text of somebody's own as HTML: the same lines, nothing else.
std::string html_of_text(const Page& page, std::string_view text);

}  // namespace tocsin_plugins
