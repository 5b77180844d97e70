#include "target.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tocsin_plugins::scrape {
namespace {

constexpr auto accepted =
    "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

struct UrlParts {
  std::string_view authority, path;
};

UrlParts parts_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    throw tsn::Failure(tsn::invalid("urls: expected http:// or https://"));
  auto rest = url.substr(scheme + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  UrlParts made{rest.substr(0, end), rest.substr(end)};
  made.path = made.path.substr(0, made.path.find_first_of("?#"));
  if (made.authority.find('@') != made.authority.npos)
    throw tsn::Failure(
        tsn::invalid("urls: user and password stand in the options username and password, not in a URL, "
                     "which ends up in logs"));
  if (made.authority.empty()) throw tsn::Failure(tsn::invalid("urls: a URL names no host"));
  return made;
}

/// "host:port" with the scheme's port where none is written, as Prometheus' label `instance`.
std::string instance_of(std::string_view url, std::string_view authority) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != authority.npos && (bracket == authority.npos || colon > bracket)) return std::string(authority);
  return std::string(authority) + (url.starts_with("https") ? ":443" : ":80");
}

}  // namespace

bool fits(std::string_view glob, std::string_view name) {
  std::size_t g = 0, n = 0, star = glob.npos, mark = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      mark = n;
    } else if (g < glob.size() && glob[g] == name[n]) {
      ++g, ++n;
    } else if (star != glob.npos) {
      g = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

Target::Target(tsn::Context ctx, std::string url, const TargetSettings& settings)
    : ctx_(ctx), settings_(settings), url_(std::move(url)), client_(settings.http) {
  const auto parts = parts_of(url_);
  own_labels_ = {{"job", settings.job}, {"instance", instance_of(url_, parts.authority)}};
  if (!parts.path.empty() && parts.path != "/metrics") own_labels_.emplace_back("path", parts.path);
}

void Target::fetch(tsn::Deadline deadline) {
  const auto begin = std::chrono::steady_clock::now();
  HttpRequest request;
  request.method = "GET";
  request.url = url_;
  request.headers = {accepted};
  if (!settings_.bearer.empty()) request.headers.push_back("Authorization: Bearer " + settings_.bearer);
  request.username = settings_.username;
  request.password = settings_.password;
  request.compressed = true;
  request.most_body = settings_.most_bytes;
  auto status = client_.perform(request, deadline, answer_);
  if (status) status = status_of(answer_, host_of(url_), ctx_.now());
  failure_ = status ? std::string() : status.text();
  seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string Target::look(tsn::Deadline deadline) {
  fetch(deadline);
  if (is_up()) parse();
  const auto count = samples_.size();
  samples_.clear();
  if (!is_up()) return "error: " + failure_ + "\n";
  return "ok: " + host_of(url_) + " has " + std::to_string(count) + " samples\n";
}

void Target::write(tsn::Batch& out, tsn::Time now) {
  ++scrape_;
  name_own_series();
  if (is_up()) parse();
  if (is_up()) write_samples(out, now);
  end_missing(out, now);
  tell_of_itself(out, now);
  tell_of_change();
  tell_of_refusals();
  samples_.clear();
  answer_ = {};
}

/// Before the target's, so that they have their place where the limit of series is near.
void Target::name_own_series() {
  if (sample_count_.handle != 0) return;
  views_.assign(own_labels_.begin(), own_labels_.end());
  up_ = ctx_.series("up", views_);
  duration_ = ctx_.series("scrape.duration", views_);
  sample_count_ = ctx_.series("scrape.samples", views_);
}

/// The whole text before any of it counts: half a text would end the series of the other half.
bool Target::parse() {
  samples_.clear();
  const auto type = answer_.headers.find("content-type");
  Exposition text(answer_.body, Exposition::format_of(type == answer_.headers.end() ? "" : type->second));
  Known* last = nullptr;
  for (Sample sample;;) {
    const auto next = text.next(sample);
    if (next == Exposition::Next::end) return true;
    auto* known = next == Exposition::Next::sample ? find(sample.series, last) : nullptr;
    if (known) last = known;
    // Labels of series that are known were read when they were new.
    if (next == Exposition::Next::sample && (known || read_labels(sample.labels, labels_))) {
      samples_.push_back({sample, known});
      continue;
    }
    failure_ = host_of(url_) + ": its text cannot be read: " +
               (next == Exposition::Next::error
                    ? text.error()
                    : "a label of " + std::string(sample.name) + " comes twice, is __name__, or its value is no UTF-8");
    samples_.clear();
    return false;
  }
}

bool Target::wanted(std::string_view name) const {
  const auto any = [&](const auto& globs) {
    return std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return fits(glob, name); });
  };
  return (settings_.keep.empty() || any(settings_.keep)) && !any(settings_.drop);
}

void Target::write_samples(tsn::Batch& out, tsn::Time now) {
  seen_ = 0;
  Known* last = nullptr;
  for (const auto& [sample, found] : samples_) {
    ++counts_.samples;
    if (!wanted(sample.name)) {
      ++counts_.dropped;
      continue;
    }
    auto* known = found ? found : add(sample);
    if (!known) continue;
    if (last && last->second.after != known) last->second.after = known;
    last = known;
    Entry& entry = known->second;
    if (entry.seen == scrape_ && !sample.at) {
      ++counts_.duplicate;
      continue;
    }
    seen_ += entry.seen != scrape_;
    entry.seen = scrape_;
    entry.own_time = sample.at.has_value();
    if (std::isfinite(sample.value))
      out.push(sample.at.value_or(now), entry.series, sample.value);
    else
      ++counts_.not_finite;
  }
}

Target::Known* Target::find(std::string_view series, const Known* last) {
  if (last && last->second.after && last->second.after->first == series) return last->second.after;
  const auto known = known_.find(series);
  return known == known_.end() ? nullptr : &*known;
}

Target::Known* Target::add(const Sample& sample) {
  if (auto* known = find(sample.series, nullptr)) return known;  // it came twice
  tsn::Series series;
  if (const auto status = intern(sample, series); !status) {
    ++counts_.refused;
    if (refusal_.count++ == 0)
      refusal_ = {status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), std::string(sample.name),
                  std::string(sample.series.substr(0, 1024)), 1};
    return nullptr;
  }
  return &*known_.emplace(sample.series, Entry{series}).first;
}

tsn::Status Target::intern(const Sample& sample, tsn::Series& out) {
  if (!read_labels(sample.labels, labels_)) return tsn::invalid("its labels cannot be read");
  const auto exposed = labels_.size();
  for (const auto& own : own_labels_) {
    auto same = std::find_if(labels_.begin(), labels_.begin() + static_cast<std::ptrdiff_t>(exposed),
                             [&](const auto& label) { return label.first == own.first; });
    const bool there = same != labels_.begin() + static_cast<std::ptrdiff_t>(exposed) && !same->second.empty();
    if (there && settings_.honor_labels) continue;
    if (there) same->first = "exported_" + same->first;
    labels_.push_back(own);
  }
  views_.assign(labels_.begin(), labels_.end());
  return ctx_.try_series(sample.name, views_, out);
}

void Target::end_missing(tsn::Batch& out, tsn::Time now) {
  if (!is_up()) seen_ = 0;
  if (seen_ == known_.size()) return;
  for (auto it = known_.begin(); it != known_.end();) {
    if (it->second.seen == scrape_) {
      ++it;
      continue;
    }
    if (!it->second.own_time) {
      out.push(now, it->second.series, 0).flags(TSN_ROW_STALE);
      ++counts_.stale;
    }
    it = known_.erase(it);
  }
  for (auto& [text, entry] : known_) entry.after = nullptr;  // it may be one of those that are gone
}

void Target::tell_of_itself(tsn::Batch& out, tsn::Time now) {
  out.push(now, up_, is_up() ? 1 : 0);
  out.push(now, duration_, seconds_);
  out.push(now, sample_count_, static_cast<double>(samples_.size()));
}

void Target::tell_of_change() {
  if (is_up() != was_up_ || !told_) {
    if (!is_up()) ctx_.warn("target down: " + failure_);
    if (is_up() && told_) ctx_.info("target up again: " + host_of(url_));
  }
  was_up_ = is_up();
  told_ = true;
}

void Target::tell_of_refusals() {
  if (refusal_.count == 0) return;
  ctx_.reject({refusal_.type, refusal_.reason, refusal_.name, {}, refusal_.raw, refusal_.count});
  refusal_ = {};
}

}  // namespace tocsin_plugins::scrape
