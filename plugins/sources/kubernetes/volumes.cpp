#include "volumes.hpp"

namespace tocsin_plugins::kube {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t at_once = 8;
constexpr std::size_t most_summary = 8u << 20;
constexpr auto summary_time = 10s;
constexpr unsigned most_missed = 2;

Object object_of(const Volume& volume) {
  Object made;
  made.key = volume.space + "/" + volume.claim;
  const Labels labels = {{"namespace", volume.space}, {"pvc", volume.claim}};
  made.facts.push_back({"kubernetes.pvc.capacity_bytes", labels, volume.capacity});
  made.facts.push_back({"kubernetes.pvc.used_bytes", labels, volume.used});
  made.facts.push_back({"kubernetes.pvc.used_percent", labels, 100 * volume.used / volume.capacity});
  if (volume.inodes > 0)
    made.facts.push_back({"kubernetes.pvc.inodes_used_percent", labels, 100 * volume.inodes_used / volume.inodes});
  return made;
}

}  // namespace

/// One request at a time.
class Volumes::Asker : public Receiver {
 public:
  explicit Asker(Volumes& of) : of_(of) {}
  void ask(const std::string& node) {
    node_ = node;
    body_.clear();
    too_long_ = false;
    of_.office_.transport.get(*this,
                              {.path = "/api/v1/nodes/" + escape(node) + "/proxy/stats/summary", .time = summary_time});
  }

 private:
  void begun(long) override {}
  bool took(std::string_view bytes) override {
    too_long_ = body_.size() + bytes.size() > most_summary;
    if (!too_long_) body_.append(bytes);
    return !too_long_;
  }
  void ended(const Outcome& outcome) override {
    const auto body = std::exchange(body_, {});
    of_.answered(*this, node_, outcome, body, too_long_);
  }

  Volumes& of_;
  std::string node_, body_;
  bool too_long_ = false;
};

Volumes::Volumes(Office& office) : office_(office), book_(office.series) {
  for (std::size_t i = 0; i < at_once; ++i) askers_.push_back(std::make_unique<Asker>(*this));
}
Volumes::~Volumes() = default;

void Volumes::begin_round(const std::set<std::string>& nodes) {
  if (running_) return office_.ctx.count("summary_rounds_skipped");
  if (nodes.empty()) return;
  running_ = true;
  line_.assign(nodes.begin(), nodes.end());
  asking_ = 0;
  asked_ = nodes.size();
  failed_.clear();
  first_ = {};
  {
    const std::lock_guard lock(office_.mutex);
    book_.begin_list();
  }
  for (auto& asker : askers_) {
    if (line_.empty()) break;
    ++asking_;
    next(*asker);
  }
}

/// The next node in line for an asker that is free; the last one ends the round.
void Volumes::next(Asker& asker) {
  while (!line_.empty()) {
    const auto node = line_.front();
    line_.pop_front();
    try {
      return asker.ask(node);
    } catch (const tsn::Failure& failure) {
      failed(node, failure.what(), failure.status().value() == TSN_DENIED);
    }
  }
  if (--asking_ == 0) end_round();
}

void Volumes::answered(Asker& asker, const std::string& node, const Outcome& outcome, const std::string& body,
                       bool too_long) {
  const auto status = outcome.status;
  const auto& host = office_.settings.access.url;
  std::vector<Volume> volumes;
  std::string error;
  if (too_long) {
    failed(node, host + ": the summary of node " + node + " is longer than 8 MiB", false);
  } else if (status != 200 && status != 0) {
    // A node that is gone has no claims.
    if (status != 404)
      failed(node, "node " + node + ": " + explain_refusal(status, read_refusal(body), "get", kubelets(), {}, host),
             status == 401 || status == 403);
  } else if (!outcome.error.empty()) {
    failed(node, "summary of node " + node + ": " + outcome.error, false);
  } else if (!Reader::summary(body, volumes, error)) {
    failed(node, host + ": the summary of node " + node + " cannot be read: " + error, false);
  } else {
    take(node, volumes);
  }
  next(asker);
}

void Volumes::take(const std::string& node, const std::vector<Volume>& volumes) {
  {
    const std::lock_guard lock(office_.mutex);
    const auto now = office_.ctx.now();
    for (const auto& volume : volumes) {
      if (!office_.settings.watches(volume.space)) continue;
      auto object = object_of(volume);
      claims_[object.key] = {node, 0};
      book_.apply(std::move(object), office_.out, now);
    }
  }
  office_.flush();
}

void Volumes::failed(const std::string& node, std::string why, bool denied) {
  office_.ctx.count("summaries_failed");
  failed_.insert(node);
  if (first_.text.empty()) first_ = {std::move(why), denied};
}

void Volumes::end_round() {
  running_ = false;
  {
    const std::lock_guard lock(office_.mutex);
    for (auto at = claims_.begin(); at != claims_.end();) {
      auto& claim = at->second;
      const bool silent = failed_.contains(claim.node) && ++claim.missed <= most_missed;
      if (silent) book_.keep(at->first);
      at = silent || !failed_.contains(claim.node) ? std::next(at) : claims_.erase(at);
    }
    book_.end_list(office_.out, office_.ctx.now());
    std::erase_if(claims_, [this](const auto& one) { return !book_.keep(one.first); });
    if (!first_.text.empty() && trouble_.text != first_.text) office_.ctx.warn(first_.text);
    // One node that is silent is its own trouble; none that answers is the source's.
    trouble_ = failed_.size() == asked_ ? first_ : Trouble{};
  }
  office_.flush();
}

}  // namespace tocsin_plugins::kube
