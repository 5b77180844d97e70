#include "pod_book.hpp"

#include <cstdlib>

#include "kubernetes_api/ask.hpp"
#include "kubernetes_api/refusal.hpp"
#include "log_match/known_keys.hpp"

namespace tocsin_plugins::logtail {
namespace {

using namespace std::chrono_literals;
using kube::Json;

constexpr auto every = 60s;
constexpr auto least_between = 1s;  ///< lists, however many pods appear
constexpr auto most_wait = 10s;
constexpr std::size_t most_continue = 8192;
constexpr std::size_t most_page = 32u << 20;
constexpr std::size_t most_matches_of_pod = 16;
constexpr kube::Resource pods{"", "/api/v1", "pods", R"("list")"};
constexpr const char* metadata_only =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
constexpr std::string_view known[] = {"logs", "parser", "multiline", "match"};

std::string key_of(std::string_view space, std::string_view name) {
  return std::string(space) + "/" + std::string(name);
}

/// An annotation's JSON as the table of [[match]] that it stands for. Deeper than such a table is: nothing.
tsn::Value value_of(Json element, int depth = 0) {
  using simdjson::dom::element_type;
  if (depth > 4) return {};
  switch (element.type()) {
    case element_type::ARRAY: {
      auto made = tsn::Value::array();
      for (const auto child : simdjson::dom::array(element)) made.push(value_of(child, depth + 1));
      return made;
    }
    case element_type::OBJECT: {
      auto made = tsn::Value::table();
      for (const auto& [key, child] : simdjson::dom::object(element))
        made.set(std::string(key), value_of(child, depth + 1));
      return made;
    }
    case element_type::STRING:
      return tsn::Value(std::string_view(element));
    case element_type::INT64:
      return tsn::Value(std::int64_t(element));
    case element_type::DOUBLE:
      return tsn::Value(double(element));
    case element_type::BOOL:
      return tsn::Value(bool(element));
    default:
      return {};
  }
}

}  // namespace

PodBook::PodBook(const tsn::Context& ctx, const tsn::Config& table)
    : ctx_(ctx), access_(kube::of_table(table)), node_(table.str("node")) {
  log_match::refuse_unknown_keys(table, "kubernetes_api",
                                 {"url", "token_file", "insecure_token", "ca_file", "node", "annotations"});
  if (!table.has("url") && !std::getenv("KUBERNETES_SERVICE_HOST"))
    throw tsn::Failure(
        tsn::invalid("kubernetes_api.url: this is no pod (KUBERNETES_SERVICE_HOST is not set); expected url = "
                     "\"https://…\" of the API server"));
  access_.settle("kubernetes_api.url", table.boolean("insecure_token"));
  if (const char* name = std::getenv("NODE_NAME"); node_.empty() && name) node_ = name;
  if (node_.empty())
    throw tsn::Failure(
        tsn::invalid("kubernetes_api.node: which node is this? Set it, or NODE_NAME in the pod's environment (fieldRef "
                     "spec.nodeName)"));
  if (!table.has("annotations")) heeded_ = {"logs", "parser", "multiline"};
  for (const auto& name : table.strings("annotations")) {
    if (std::ranges::find(known, name) == std::end(known))
      throw tsn::Failure(tsn::invalid("kubernetes_api.annotations: \"" + name +
                                      "\" is none; expected logs, parser, multiline or match"));
    heeded_.insert(name);
  }
}

void PodBook::start() {
  stopping_ = false;
  thread_ = ctx_.spawn("pods", [this] { run(); });
}

void PodBook::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_) ctx_.join(std::exchange(thread_, 0));
}

void PodBook::ask() {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  wake_.notify_all();
}

void PodBook::run() {
  std::string last_failure;
  while (!stopping_) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, every, [this] { return asked_ || stopping_; });
      asked_ = false;
    }
    if (stopping_) return;
    const auto done = try_list();
    if (stopping_) return;
    if (!done && done.text() != last_failure)
      ctx_.warn("pods are not known, their logs are read as the source says: " + std::string(done.text()));
    if (!done) ctx_.count("kubernetes_failures");
    last_failure = done ? std::string() : std::string(done.text());
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, least_between, [this] { return stopping_.load(); });
  }
}

tsn::Status PodBook::try_list() {
  try {
    return list();
  } catch (const std::exception& error) {  // there is no libcurl, or no memory
    return tsn::fail(error.what());
  }
}

tsn::Status PodBook::list() {
  std::map<std::string, Annotations> found;
  std::string next;
  if (!transport_) transport_ = std::make_unique<kube::Transport>(access_);
  do {
    const auto path = "/api/v1/pods?fieldSelector=spec.nodeName%3D" + kube::escape(node_) + "&limit=500" +
                      (next.empty() ? "" : "&continue=" + kube::escape(next));
    const auto answer = kube::ask(*transport_, {.path = path, .time = most_wait, .accept = metadata_only}, most_page,
                                  [this] { return stopping_.load(); });
    if (!answer.outcome.error.empty()) return tsn::fail(answer.outcome.error);
    if (!answer.ok())
      return tsn::fail(
          kube::explain(answer.outcome.status, kube::read_refusal(answer.body), "list", pods, {}, access_.url));
    if (!read_list(answer.body, found, next)) return tsn::fail("the API server's answer is no list of pods");
  } while (!next.empty() && !stopping_);
  const std::lock_guard lock(mutex_);
  pods_ = std::move(found);
  ++lists_;
  return tsn::ok;
}

bool PodBook::read_list(std::string_view json, std::map<std::string, Annotations>& pods, std::string& next) {
  simdjson::dom::parser parser;
  Json root, items;
  if (parser.parse(json.data(), json.size()).get(root)) return false;
  if (!kube::find(root, {"items"}, items) || !items.is_array()) return false;
  next = kube::text_at(root, {"metadata", "continue"}, most_continue);
  kube::for_each(root, {"items"}, [&](const Json& item) {
    const auto space = kube::text_at(item, {"metadata", "namespace"}), name = kube::text_at(item, {"metadata", "name"});
    if (space.empty() || name.empty()) return;
    auto& ours = pods[key_of(space, name)];
    Json annotations;
    if (!kube::find(item, {"metadata", "annotations"}, annotations) || !annotations.is_object()) return;
    for (const auto& [key, value] : simdjson::dom::object(annotations))
      if (key.starts_with(prefix) && value.is_string())
        ours[std::string(key.substr(prefix.size()))] = std::string_view(value);
  });
  return true;
}

bool PodBook::knows(const Pod& pod) const {
  const std::lock_guard lock(mutex_);
  return pods_.contains(key_of(pod.space, pod.name));
}

/// Of the container itself, else of the pod.
std::string PodBook::text(const Annotations& all, std::string_view what, const Pod& pod) const {
  if (!heeded_.contains(what)) return {};
  for (const auto& key : {std::string(what) + "." + pod.container, std::string(what)})
    if (const auto at = all.find(key); at != all.end()) return at->second;
  return {};
}

void PodBook::complain(const Pod& pod, std::string_view what, std::string_view why) {
  const auto text = "pod " + key_of(pod.space, pod.name) + ": annotation " + std::string(prefix) + std::string(what) +
                    ": " + std::string(why) + "; it is not heeded";
  if (complained_.size() < 1000 && complained_.insert(text).second) ctx_.warn(text);
}

void PodBook::apply(LogOrigin& origin, Multiline& multiline, const Multiline& source_multiline,
                    log_match::FieldSyntax source_syntax) {
  Annotations all;
  {
    const std::lock_guard lock(mutex_);
    const auto at = pods_.find(key_of(origin.pod->space, origin.pod->name));
    if (at == pods_.end()) return;  // it is gone: its last lines are treated as the others were
    all = at->second;
  }
  std::string said;
  for (const auto& [key, value] : all) said.append(key).append(1, '\0').append(value).append(1, '\0');
  if (said == origin.said) return;
  origin.said = std::move(said);
  multiline = source_multiline;
  const auto& pod = *origin.pod;
  const auto logs = text(all, "logs", pod), parser = text(all, "parser", pod), preset = text(all, "multiline", pod);
  origin.wanted = logs != "false";
  if (!logs.empty() && logs != "false" && logs != "true") complain(pod, "logs", "expected \"true\" or \"false\"");
  origin.parser.reset();
  if (!parser.empty() && !(origin.parser = log_match::syntax_of(parser)))
    complain(pod, "parser", "expected json, logfmt or none");
  if (!preset.empty() && !multiline.use_preset(preset))
    complain(pod, "multiline", "expected one of " + std::string(Multiline::known_presets) + ", none");
  origin.matches.clear();
  const auto matches = text(all, "match", pod);
  if (matches.empty()) return;
  try {
    read_matches(matches, origin, source_syntax);
  } catch (const tsn::Failure& failure) {
    origin.matches.clear();
    complain(pod, "match", failure.what());
  }
}

void PodBook::read_matches(const std::string& json, LogOrigin& origin, log_match::FieldSyntax source_syntax) {
  simdjson::dom::parser parser;
  Json root;
  if (parser.parse(json).get(root) || !root.is_array())
    throw tsn::Failure(tsn::invalid("expected a JSON array of entries as those of [[match]]"));
  auto entries = value_of(root);
  const tsn::Config config(entries.view());
  if (config.count() > most_matches_of_pod) throw tsn::Failure(tsn::invalid("expected at most 16 entries"));
  for (std::uint32_t i = 0; i < config.count(); ++i)
    origin.matches.emplace_back(config.at(i), "match[" + std::to_string(i) + "]",
                                origin.parser.value_or(source_syntax));
}

}  // namespace tocsin_plugins::logtail
