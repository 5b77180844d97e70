#include "trial.hpp"

#include <limits>

#include "tocsin/testing/samples.hpp"

namespace tsn::conformance {
namespace {

bool mentions(std::string_view key, std::initializer_list<std::string_view> words) {
  for (const auto word : words)
    if (key.find(word) != std::string_view::npos) return true;
  return false;
}

std::string made_up_text(const tsn_option& option) {
  const auto key = view(option.key);
  const bool url = mentions(key, {"url", "endpoint"});
  if (option.flags & TSN_OPT_SECRET) return (url ? "http://127.0.0.1:1/" : "") + std::string(secret_marker);
  if (option.choices.n) return std::string(view(option.choices).substr(0, view(option.choices).find('|')));
  if (url) return "http://127.0.0.1:1";
  if (mentions(key, {"server", "listen", "host", "address"})) return "127.0.0.1:1";
  if (mentions(key, {"path", "file", "dir", "root"})) return "/nonexistent/tocsin";
  if (mentions(key, {"from", "to", "mail"})) return "nobody@example.invalid";
  return "conformance";
}

void judge(testing::FakeInstance& instance, std::string& said) {
  auto program = instance.compile({.over = std::chrono::seconds(60),
                                   .by = {"host"},
                                   .table = Value::table({{"name", "rule"}, {"op", ">"}, {"threshold", 5}})});
  said += program->answer.text;
  if (program->answer.status != TSN_OK) return;
  testing::Answer answer;
  const double none = std::numeric_limits<double>::quiet_NaN();
  for (const auto& verdict :
       instance.evaluate(*program, {{{9, 9, 9}, {{"host", "a"}}}, {{none, none, none}, {{"host", "b"}}}}, &answer))
    said += verdict.message;
  said += answer.text;
  instance.release(*program);
}

}  // namespace

Value made_up(const tsn_option& option) {
  switch (option.type) {
    case TSN_BOOL:
      return Value(true);
    case TSN_INT:
    case TSN_SIZE:
      return Value(option.min.n ? 1024 : 1);
    case TSN_DURATION:
      return Value(std::chrono::nanoseconds(std::chrono::seconds(1)));
    case TSN_FLOAT:
      return Value(1.0);
    case TSN_ARRAY:
      return Value::array({Value(made_up_text(option))});
    case TSN_TABLE:
      return Value::table();
    default:
      return Value(made_up_text(option));
  }
}

Value made_up_config(const tsn_type& type, bool secrets) {
  auto made = Value::table();
  for (std::uint32_t i = 0; i < type.option_count; ++i) {
    const auto option = detail::read_element(type.options, type.option_stride, i);
    if ((option.flags & TSN_OPT_REQUIRED) || (secrets && (option.flags & TSN_OPT_SECRET)))
      made.set(std::string(view(option.key)), made_up(option));
  }
  return testing::completed(made, type);
}

bool has_required(const tsn_type& type) {
  for (std::uint32_t i = 0; i < type.option_count; ++i)
    if (detail::read_element(type.options, type.option_stride, i).flags & TSN_OPT_REQUIRED) return true;
  return false;
}

std::unique_ptr<testing::FakeInstance> try_create(testing::FakeHost& host, const tsn_type& type, const Value& config,
                                                  testing::Answer& answer) {
  return host.create_raw(type, config, answer);
}

void for_each_type(const std::string& path, const std::function<void(const tsn_plugin*, const tsn_type&)>& each) {
  const auto* plugin = testing::load_library(path);
  for (std::uint32_t i = 0; i < plugin->type_count; ++i) each(plugin, *plugin->types[i]);
}

std::string exercise(testing::FakeHost& host, testing::FakeInstance& instance) {
  using std::chrono::seconds;
  const auto& type = instance.type();
  std::string said = instance.start().text;
  if (type.source && type.source->pull) said += instance.pull(seconds(2)).text;
  if (type.notifier) {
    const auto answer = instance.deliver(testing::sample_message(), seconds(2));
    said += answer.text + answer.delivered.provider_id;
  }
  if (type.tracker) {
    const auto answer = instance.upsert(testing::sample_upsert(), seconds(2));
    said += answer.text + answer.ticket.key + answer.ticket.url + answer.ticket.status;
  }
  if (type.detector) judge(instance, said);
  if (type.routes) {
    const auto route = detail::read_element(type.routes->routes, type.routes->route_stride, 0);
    const auto answer = instance.handle(
        {.method = std::string(view(route.method)), .path = std::string(view(route.path)), .body = "{"});
    said += answer.text + answer.response.body;
  }
  host.advance(seconds(60));
  instance.stop();
  for (const auto& line : host.logs()) said += line.text + "\n";
  for (const auto& reject : host.rejected()) said += reject.reason + reject.raw;
  for (const auto& [name, value] : host.metrics()) said += name;
  return said;
}

}  // namespace tsn::conformance
