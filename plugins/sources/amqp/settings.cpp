#include "settings.hpp"

#include "log_match/known_keys.hpp"
#include "message_reader.hpp"

namespace tocsin_plugins::amqp {
namespace {

constexpr std::size_t most_short = 255;  // bytes of a short string of AMQP
constexpr std::uint32_t most_bindings = 256;

std::string short_text(std::string_view text, const std::string& what, bool needed) {
  if (text.size() > most_short || (needed && text.empty()))
    throw tsn::Failure(tsn::invalid(what + ": expected a name of 1 to 255 bytes"));
  return std::string(text);
}

std::optional<Declaration> read_declaration(const tsn::Config& config) {
  const auto table = config.table("declare");
  if (!table) return std::nullopt;
  if (table.count() == 1 && table.has("passive") && table.boolean("passive")) return std::nullopt;
  log_match::refuse_unknown_keys(
      table, "declare", {"passive", "durable", "type", "bindings", "dead_letter_exchange", "dead_letter_routing_key"});
  if (table.boolean("passive"))
    throw tsn::Failure(tsn::invalid("declare: passive = true makes nothing, so the other keys have no meaning"));
  Declaration out;
  out.durable = table.boolean("durable", true);
  out.type = table.str("type");
  if (!out.type.empty() && out.type != "classic" && out.type != "quorum")
    throw tsn::Failure(tsn::invalid("declare.type: expected \"classic\" or \"quorum\""));
  out.dead_letter_exchange = short_text(table.str("dead_letter_exchange"), "declare.dead_letter_exchange", false);
  out.dead_letter_routing_key =
      short_text(table.str("dead_letter_routing_key"), "declare.dead_letter_routing_key", false);
  const auto bindings = table.array("bindings");
  if (bindings.count() > most_bindings) bindings.wrong("at most 256 bindings");
  for (std::uint32_t i = 0; i < bindings.count(); ++i) {
    const auto entry = bindings.at(i);
    const std::string where = "declare.bindings[" + std::to_string(i) + "]";
    log_match::refuse_unknown_keys(entry, where, {"exchange", "routing_key"});
    out.bindings.push_back({short_text(entry.str("exchange"), where + ".exchange", true),
                            short_text(entry.str("routing_key"), where + ".routing_key", false)});
  }
  return out;
}

}  // namespace

ConsumerSettings read_settings(const tsn::Context& ctx) {
  const auto config = ctx.config();
  ConsumerSettings out;
  out.peer.address = amqp_address(std::string(config.str("url")));
  out.peer.password = config.str("password");
  out.peer.ca_file = config.str("ca_file");
  out.peer.section = "[source." + ctx.name() + "]";
  out.peer.name = "tocsin source." + ctx.name();
  out.queue = short_text(config.str("queue"), "queue", true);
  out.tag = short_text(config.str("consumer_tag"), "consumer_tag", false);
  out.prefetch = static_cast<std::uint16_t>(config.integer("prefetch", 200));
  out.max_message = static_cast<std::size_t>(config.size("max_message", 1 << 20));
  out.declare = read_declaration(config);
  out.headers = MessageReader::headers_of(config);
  if (const auto header = config.str("id_header"); !header.empty()) out.headers.emplace_back(header);
  return out;
}

}  // namespace tocsin_plugins::amqp
