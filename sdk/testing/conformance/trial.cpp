#include "trial.hpp"

#include <limits>

#include "apart.hpp"
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

Value config_for(const Subject& subject, const tsn_type& type, bool secrets) {
  const auto given = subject.options.find(id_of(type));
  auto made = given == subject.options.end() ? Value::table() : given->second;
  for (std::uint32_t i = 0; i < type.option_count; ++i) {
    const auto option = detail::read_element(type.options, type.option_stride, i);
    const std::string key(view(option.key));
    const bool secret = (option.flags & TSN_OPT_SECRET) != 0, there = made.find(key) != nullptr;
    // A default that leads to a service on the internet: the check must not call it.
    const bool outside = option.type == TSN_STRING && view(option.fallback).starts_with("\"https://");
    if (secret ? secrets || there || (option.flags & TSN_OPT_REQUIRED)
               : !there && (outside || (option.flags & TSN_OPT_REQUIRED)))
      made.set(key, made_up(option));
  }
  try {
    return testing::completed(made, type);
  } catch (const std::invalid_argument& error) {
    throw Stop{{"odd_descriptor", id_of(type), std::string("its options cannot be filled: ") + error.what()}};
  }
}

bool has_required(const tsn_type& type) {
  for (std::uint32_t i = 0; i < type.option_count; ++i)
    if (detail::read_element(type.options, type.option_stride, i).flags & TSN_OPT_REQUIRED) return true;
  return false;
}

std::string id_of(const tsn_type& type) {
  return std::string(view(type.id));
}

Trial::Trial(const Subject& of, const tsn_plugin* its_plugin, const tsn_type& its)
    : subject(of), plugin(its_plugin), type(its), host(its_plugin) {
  host.patience = subject.patience;
}

std::unique_ptr<testing::FakeInstance> Trial::create(bool secrets) {
  return create(config_for(subject, type, secrets));
}

std::unique_ptr<testing::FakeInstance> Trial::create(const Value& config) {
  return host.create_raw(type, config, answer);
}

const tsn_plugin* load(const Subject& subject) {
  now_calling("loading");
  testing::on_call("dlopen");
  const tsn_plugin* plugin = nullptr;
  try {
    plugin = testing::load_library(subject.path);
  } catch (const std::runtime_error& error) {
    const std::string_view text = error.what();
    const bool missing = text.find("cannot open shared object file") != std::string_view::npos;
    throw Stop{{missing ? "missing_library" : "does_not_load", subject.path, error.what()}};
  }
  testing::on_call(nullptr);
  if (!plugin) throw Stop{{"odd_descriptor", TSN_ENTRY_SYMBOL, "returns null"}};
  return plugin;
}

void for_each_type(const Subject& subject, Findings& found, const EachType& each) {
  const auto* plugin = load(subject);
  for (std::uint32_t i = 0; i < plugin->type_count; ++i) {
    static std::string id;
    id = id_of(*plugin->types[i]);
    now_calling(id.c_str());
    Trial trial(subject, plugin, *plugin->types[i]);
    each(trial);
    found.breaches(trial.host, last_call());
  }
}

/// A question that makes no sense, to a source that answers some.
std::string ask(testing::FakeInstance& instance, std::chrono::nanoseconds time) {
  const auto source = detail::read_struct(instance.type().source);
  auto question = Value::table();
  for (std::uint32_t i = 0; i < source.query_option_count; ++i) {
    const auto option = detail::read_element(source.query_options, source.query_option_stride, i);
    if (option.type == TSN_STRING && option.choices.n == 0)
      question.set(std::string(view(option.key)), Value("no sense"));
  }
  try {
    std::vector<testing::QueryRow> rows;
    auto said = instance.query(question, rows, time).text;
    for (const auto& row : rows)
      for (const auto& [name, value] : row.labels) said += name + value;
    return said;
  } catch (const std::invalid_argument&) {
    return {};  // it wants keys that nobody can guess
  }
}

std::string call_once(testing::FakeInstance& instance) {
  constexpr std::chrono::seconds time(1);
  const auto& type = instance.type();
  std::string said;
  if (type.source && type.source->pull) said += instance.pull(time).text;
  if (type.source) said += ask(instance, time);
  if (type.notifier) {
    const auto answer = instance.deliver(testing::sample_message(), time);
    said += answer.text + answer.delivered.provider_id;
  }
  if (type.tracker) {
    const auto answer = instance.upsert(testing::sample_upsert(), time);
    said += answer.text + answer.ticket.key + answer.ticket.url + answer.ticket.status;
  }
  if (type.detector) judge(instance, said);
  if (type.routes) {
    const auto route = detail::read_element(type.routes->routes, type.routes->route_stride, 0);
    const auto answer = instance.handle(
        {.method = std::string(view(route.method)), .path = std::string(view(route.path)), .body = "{"}, time);
    said += answer.text + answer.response.body;
  }
  return said;
}

std::string exercise(Trial& trial, testing::FakeInstance& instance) {
  auto& host = trial.host;
  std::string said = instance.start().text;
  for (int i = 0; i < 3 && host.breaches().empty(); ++i) said += call_once(instance);
  for (int i = 0; i < 60; ++i) host.advance(std::chrono::seconds(1));
  host.pump();
  said += call_once(instance);
  try {
    said += instance.load(instance.save()).text;
  } catch (const Failure& failure) {
    said += failure.what();
  }
  instance.stop();
  for (const auto& line : host.logs()) said += line.text + "\n";
  for (const auto& reject : host.rejected()) said += reject.reason + reject.raw;
  for (const auto& [name, value] : host.metrics()) said += name;
  return said;
}

}  // namespace tsn::conformance
