#include "settings/route_auth.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using Type = RouteAuth::Type;

struct Word {
  const char* text;
  Type type;
};
constexpr std::array<Word, 4> type_words = {
    {{"bearer", Type::bearer}, {"basic", Type::basic}, {"hmac", Type::hmac}, {"mtls", Type::mtls}}};
constexpr std::array<Word, 7> key_types = {{{"bearer", Type::bearer},
                                            {"token", Type::bearer},
                                            {"tokens", Type::bearer},
                                            {"username", Type::basic},
                                            {"password", Type::basic},
                                            {"secret", Type::hmac},
                                            {"subject", Type::mtls}}};

std::optional<std::array<unsigned char, 16>> address_of(const std::string& text) {
  std::array<unsigned char, 16> out{};
  unsigned char four[4];
  if (inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  if (inet_pton(AF_INET, text.c_str(), four) != 1) return std::nullopt;
  out[10] = out[11] = 0xff;
  std::memcpy(out.data() + 12, four, 4);
  return out;
}

class AuthReader {
 public:
  AuthReader(const Value& table, const std::string& where, Diagnostics& diagnostics)
      : table_(table), where_(where + " auth"), diagnostics_(diagnostics) {}

  std::optional<RouteAuth> read(bool client_ca) {
    networks();
    type();
    if (good_ && out_.type == Type::bearer) tokens();
    if (good_ && out_.type == Type::basic) out_.secrets.emplace_back(needed("username"), needed("password"));
    if (good_ && out_.type == Type::hmac) out_.secrets.emplace_back("", needed("secret"));
    if (good_ && out_.type == Type::mtls) {
      out_.subject = text_of(table_, "subject");
      if (!client_ca) {
        wrong(table_.place, ": certificates are asked for where [http] tls has client_ca; nobody would get in");
      }
    }
    return good_ ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  void wrong(const base::Place& place, const std::string& message) {
    error_at(diagnostics_, place, where_ + message);
    good_ = false;
  }

  void networks() {
    const Value* list = table_.find("allow_from");
    if (!list || !list->array()) return;
    for (const Value& item : *list->array()) {
      if (!item.string()) continue;  // said before
      if (auto network = parse_network(*item.string()))
        out_.allow_from.push_back(*network);
      else
        wrong(item.place, ".allow_from: \"" + *item.string() + "\" is no network; expected one such as 10.20.0.0/16");
    }
  }

  /// As `type` says, else as the keys do.
  void type() {
    const std::string given = text_of(table_, "type");
    const auto named = std::ranges::find(type_words, given, &Word::text);
    const char* says = "type";
    if (named != type_words.end()) out_.type = named->type;
    for (const Word& key : key_types) {
      if (!table_.find(key.text) || out_.type == key.type) continue;
      if (out_.type != Type::networks) {
        const auto word = std::ranges::find(type_words, key.type, &Word::type)->text;
        return wrong(place_of(table_, key.text), std::string(".") + key.text + ": is of type \"" + word + "\", and \"" +
                                                     says + "\" says another; an instance asks for one thing");
      }
      out_.type = key.type;
      says = key.text;
    }
    if (out_.type == Type::networks && out_.allow_from.empty() && good_) {
      wrong(table_.place, ": asks for nothing; give bearer, tokens, username and password, a type, or allow_from");
    }
  }

  void tokens() {
    for (const char* key : {"bearer", "token"}) {
      if (table_.find(key)) out_.secrets.emplace_back("bearer", needed(key));
    }
    const Value* named = table_.find("tokens");
    if (named && named->table()) {
      for (const auto& member : *named->table()) {
        if (member.value.string() && !member.value.string()->empty())
          out_.secrets.emplace_back(member.key, *member.value.string());
        else
          wrong(member.value.place, ".tokens." + member.key + ": must not be empty");
      }
    }
    if (good_ && out_.secrets.empty()) wrong(table_.place, ": type \"bearer\" needs bearer, token or tokens");
  }

  std::string needed(const char* key) {
    std::string value = text_of(table_, key);
    if (value.empty()) wrong(place_of(table_, key), std::string(".") + key + ": is needed and must not be empty");
    return value;
  }

  const Value& table_;
  const std::string where_;
  Diagnostics& diagnostics_;
  RouteAuth out_;
  bool good_ = true;
};

}  // namespace

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = address_of(std::string(text.substr(0, slash)));
  if (!address) return std::nullopt;
  Network out{*address, 128};
  if (slash == text.npos) return out;
  const bool four = text.substr(0, slash).find(':') == text.npos;
  const char* end = text.data() + text.size();
  int bits = -1;
  const auto [stop, bad] = std::from_chars(text.data() + slash + 1, end, bits);
  if (bad != std::errc() || stop != end || bits < 0 || bits > (four ? 32 : 128)) return std::nullopt;
  out.bits = bits + (four ? 96 : 0);
  return out;
}

bool contains(const Network& network, std::string_view address) {
  const auto peer = address_of(std::string(address));
  if (!peer) return false;
  const auto whole = static_cast<std::size_t>(network.bits / 8);
  if (std::memcmp(peer->data(), network.address.data(), whole) != 0) return false;
  const int rest = network.bits % 8;
  return rest == 0 || ((*peer)[whole] ^ network.address[whole]) >> (8 - rest) == 0;
}

std::span<const Option> route_auth_options() {
  using enum base::OptionType;
  static const std::vector<Option> options = {
      {.key = "type",
       .type = string,
       .choices = {"bearer", "basic", "hmac", "mtls"},
       .doc = "How; default: as the other keys say."},
      {.key = "bearer", .type = string, .secret = true, .doc = "A token: `Authorization: Bearer TOKEN`."},
      {.key = "token", .type = string, .secret = true, .doc = "The same as `bearer`."},
      {.key = "tokens",
       .type = table,
       .doc = "Tokens by name, each of which will do: one for each sender, or the old and the new one.",
       .children = {{.key = "*", .type = string, .secret = true, .doc = "A token."}}},
      {.key = "secret",
       .type = string,
       .secret = true,
       .doc = "The key of an HMAC: `X-Hub-Signature: sha256=HEX` of the body."},
      {.key = "username", .type = string, .doc = "Of basic."},
      {.key = "password", .type = string, .secret = true, .doc = "Of basic."},
      {.key = "subject", .type = string, .doc = "Of mtls: the certificate's; default: any `client_ca` signed."},
      {.key = "allow_from", .type = array, .doc = "Networks, besides.", .children = {{.key = "[]", .type = string}}}};
  return options;
}

std::optional<RouteAuth> read_route_auth(const Value& auth, const std::string& where, bool client_ca,
                                         const config::Environment& environment, Diagnostics& diagnostics) {
  Value wrapped;
  wrapped.set("auth", auth);
  const std::vector<Option> declared = {
      {.key = "auth",
       .type = base::OptionType::table,
       .children = std::vector<Option>(route_auth_options().begin(), route_auth_options().end())}};
  Diagnostics found;
  wrapped = resolved(std::move(wrapped), declared, where, environment, found);
  const bool failed = config::has_errors(found);
  std::ranges::move(found, std::back_inserter(diagnostics));
  if (failed) return std::nullopt;
  return AuthReader(*wrapped.find("auth"), where, diagnostics).read(client_ca);
}

}  // namespace tocsin::settings
