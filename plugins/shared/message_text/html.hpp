// One character of outside text in HTML or XML, in text and in quoted attributes.
#pragma once

#include <string>

namespace tocsin_plugins {

inline void append_html(std::string& out, char c) {
  switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
  }
}

/// The same with a line's end as a line break.
inline void append_html_line(std::string& out, char c) {
  if (c == '\n')
    out += "<br>\n";
  else
    append_html(out, c);
}

}  // namespace tocsin_plugins
