#include "settings.hpp"

#include <algorithm>
#include <set>

#include "digest/digest.hpp"
#include "json_text.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

constexpr std::string_view keys[] = {"name",     "index",  "query", "lucene",     "time_field", "over",  "delay",
                                     "group_by", "metric", "field", "percents",   "bucket",     "since", "aggs",
                                     "signal",   "labels", "every", "max_groups", "others"};

void check_keys(const tsn::Config& table, const std::string& where) {
  if (table.type() != TSN_TABLE) table.wrong("a table with signal, index and query");
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (std::ranges::find(keys, table.key(i)) != std::end(keys)) continue;
    std::string text = "unknown key \"" + std::string(table.key(i)) + "\"";
    if (const auto line = table.at(i).line()) text += " at line " + std::to_string(line);
    for (const auto key : keys) text.append(key == keys[0] ? "; expected one of " : ", ").append(key);
    refuse(where, text);
  }
}

std::string checked_url(std::string url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    refuse("url", "expected http:// or https://, as https://es.corp:9200");
  const auto begin = url.find("://") + 3;
  while (url.size() > begin && url.ends_with('/')) url.pop_back();
  const auto rest = std::string_view(url).substr(begin);
  const auto authority = rest.substr(0, rest.find('/'));
  if (authority.find('@') != authority.npos)
    refuse("url", "user and password stand in the options username and password, not in a URL, which ends up in logs");
  if (authority.empty() || url.find_first_of(" ?#\t\r\n") != url.npos)
    refuse("url", "expected a host, its port and perhaps a path");
  return url;
}

std::string checked_secret(const tsn::Config& config, std::string_view key) {
  std::string out(config.str(key));
  if (out.find_first_of("\r\n") != out.npos) refuse(std::string(key), "it has more than one line");
  return out;
}

/// "id:key" as the two are shown, or the `encoded` of the server's answer.
std::string api_key_header(const std::string& key) {
  return "ApiKey " + (key.find(':') == key.npos ? key : base64_of(key));
}

void read_account(const tsn::Config& config, ServerSettings& out) {
  out.username = checked_secret(config, "username");
  out.password = checked_secret(config, "password");
  const auto api_key = checked_secret(config, "api_key"), bearer = checked_secret(config, "bearer");
  if (!out.username.empty() + !api_key.empty() + !bearer.empty() > 1)
    refuse("username, api_key, bearer", "write one of them: an account has one way to sign in");
  if (!out.password.empty() && out.username.empty()) refuse("password", "username is missing");
  if (!api_key.empty()) out.authorization = api_key_header(api_key);
  if (!bearer.empty()) out.authorization = "Bearer " + bearer;
}

ServerSettings read_servers(const tsn::Config& config, const std::string& instance) {
  ServerSettings out;
  for (auto& url : config.strings("url")) out.urls.push_back(checked_url(std::move(url)));
  if (out.urls.empty()) refuse("url", "expected at least one, as https://es.corp:9200");
  if (out.urls.size() > 16) refuse("url", "at most 16");
  read_account(config, out);
  out.opaque_id = "tocsin-";
  for (const char c : instance) out.opaque_id += c > ' ' && c < 0x7f ? c : '_';
  out.http.ca_file = config.str("ca_file");
  out.http.cert_file = config.str("cert_file");
  out.http.key_file = config.str("key_file");
  if (!out.http.key_file.empty() && out.http.cert_file.empty()) refuse("key_file", "cert_file is missing");
  out.http.proxy_url = config.str("proxy_url");
  for (const auto& host : config.strings("no_proxy"))
    out.http.no_proxy += (out.http.no_proxy.empty() ? "" : ",") + host;
  return out;
}

Labels read_labels(const tsn::Config& table, const std::string& where) {
  Labels out;
  if (table && table.type() != TSN_TABLE) table.wrong("a table of texts");
  for (std::uint32_t i = 0; table && i < table.count(); ++i) {
    if (table.key(i).empty()) refuse(where, "labels: a name is empty");
    out.emplace_back(table.key(i), table.at(i).as_str());
  }
  return out;
}

/// A bucket's rows and the position behind them are one batch, which has its bounds.
void check(const QuerySettings& query, const std::string& where, std::chrono::nanoseconds tick) {
  if (query.name.empty() || query.name.size() > longest_name || query.name.find('\n') != query.name.npos)
    refuse(where, "name: 1 to 128 bytes, of one line");
  if (query.signal.empty()) refuse(where, "signal is missing: what its rows are called");
  if (query.every < tick)
    refuse(where,
           "every: it is shorter than that of the source; set `every` of the source to that of its fastest query");
  if (query.since.count() > 0 && !query.question.has_buckets()) refuse(where, "since: only with bucket");
  for (const auto& group : query.question.group_by)
    if (std::ranges::find(query.labels, group.label, &Labels::value_type::first) != query.labels.end())
      refuse(where, "labels: \"" + group.label + "\" is a label of group_by already");
}

QuerySettings read_query(const tsn::Config& table, const Settings& settings, const std::string& where,
                         std::chrono::nanoseconds tick) {
  check_keys(table, where);
  QuerySettings out;
  out.name = table.str("name", table.str("signal"));
  const auto place = out.name.empty() ? where : "query \"" + out.name + "\"";
  out.question = read_question(table, settings.defaults, settings.limits, place);
  out.signal = table.str("signal");
  out.labels = read_labels(table["labels"], place);
  out.every = tick;
  if (const auto every = table["every"]) out.every = read_duration(every, place + ": every");
  if (const auto since = table["since"]) out.since = read_duration(since, place + ": since");
  check(out, place, tick);
  return out;
}

/// Two queries that would write one series are one too many.
void refuse_twins(const std::vector<QuerySettings>& queries) {
  std::set<std::string> names;
  std::set<std::pair<std::string, Labels>> series;
  for (const auto& query : queries) {
    if (!names.insert(query.name).second)
      refuse("query \"" + query.name + "\"", "the name is there already; give each query a name");
    auto labels = query.labels;
    for (const auto& group : query.question.group_by) labels.emplace_back(group.label, "");
    std::ranges::sort(labels);
    if (!series.emplace(query.signal, std::move(labels)).second)
      refuse("query \"" + query.name + "\"",
             "another one makes the same series; give one of them another signal or labels");
  }
}

}  // namespace

Settings read_settings(const tsn::Config& config, const std::string& instance) {
  Settings out;
  out.servers = read_servers(config, instance);
  out.limits.all_indices = config.boolean("allow_all_indices");
  out.limits.scripts = config.boolean("allow_scripts");
  out.limits.missing_index = config.boolean("allow_missing_index");
  out.limits.max_buckets = static_cast<std::uint32_t>(config.integer("max_buckets", 10'000));
  out.limits.max_bytes = out.servers.most_bytes = static_cast<std::size_t>(config.size("max_result_bytes", 16 << 20));
  out.limits.max_docs = static_cast<std::uint64_t>(config.integer("max_docs"));
  out.defaults.index = config.str("index");
  out.defaults.time_field = config.str("time_field", out.defaults.time_field);
  out.defaults.over = config.duration("over", std::chrono::minutes(5));
  out.defaults.delay = config.duration("delay", std::chrono::seconds(30));
  out.defaults.max_groups = static_cast<std::uint32_t>(config.integer("max_groups", 100));
  const auto tick = config.duration("every", std::chrono::seconds(60));
  const auto entries = config.array("query");
  if (entries.count() > most_queries) refuse("query", "at most 64; make a second source for the others");
  for (std::uint32_t i = 0; i < entries.count(); ++i)
    out.queries.push_back(read_query(entries.at(i), out, "query " + std::to_string(i + 1), tick));
  refuse_twins(out.queries);
  return out;
}

}  // namespace tocsin_plugins::elasticsearch
