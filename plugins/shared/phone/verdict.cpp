#include "phone/verdict.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string from_form(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
    const int low = high >= 0 ? digit_of(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

json form_of(std::string_view body) {
  json out = json::object();
  for (auto& [key, value] : form_fields(body)) out[std::move(key)] = std::move(value);
  return out;
}

bool has(const std::vector<long>& codes, long code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> form_fields(std::string_view body) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!body.empty()) {
    const auto pair = body.substr(0, body.find('&'));
    const auto equals = std::min(pair.find('='), pair.size());
    if (!pair.empty())
      out.emplace_back(clean(from_form(pair.substr(0, equals))),
                       clean(from_form(pair.substr(std::min(equals + 1, pair.size())))));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
  }
  return out;
}

tsn::Status send_verdict(const SendTable& send, const HttpAnswer& answer, std::string_view what, tsn::Time now) {
  const int code = static_cast<int>(answer.status);
  if (send.ok.empty() ? code >= 200 && code < 300 : has(send.ok, code)) return tsn::ok;
  std::string text = std::string(what) + ": HTTP " + std::to_string(code);
  if (const auto said = cut(one_line(answer.body), 100); !said.empty()) text += ": " + said;
  if (has(send.permanent, code)) return tsn::invalid(text).with_code(code);
  if (const auto wait = answer.retry_after(now); wait.count() > 0) return tsn::retry_later(text, wait).with_code(code);
  if (code == 401 || code == 403) return tsn::denied(text + "; check send.headers").with_code(code);
  return tsn::fail(text).with_code(code);
}

struct Document::Tree {
  json root;
};

Document::Document(std::string_view body, std::string_view content_type) : tree_(std::make_unique<Tree>()) {
  if (content_type.find("form-urlencoded") != content_type.npos)
    tree_->root = form_of(body);
  else if (!nests_deep(body))
    tree_->root = json::parse(body, nullptr, false);
  valid_ = tree_->root.is_object() || tree_->root.is_array();
}
Document::~Document() = default;

std::optional<std::string> Document::at(const std::string& pointer) const {
  if (!valid_ || pointer.empty()) return std::nullopt;
  try {
    const json::json_pointer where(pointer);
    if (!tree_->root.contains(where)) return std::nullopt;
    const auto& value = tree_->root.at(where);
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number() || value.is_boolean()) return value.dump();
  } catch (const json::exception&) {  // an index that is none
  }
  return std::nullopt;
}

}  // namespace tocsin_plugins
