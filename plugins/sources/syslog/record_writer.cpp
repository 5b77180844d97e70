#include "record_writer.hpp"

#include <algorithm>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::syslog {
namespace {

constexpr std::size_t most_data_labels = 64;

/// Those of RFC 5424, section 7, and its sequence numbers would make a series of every message.
bool about_the_sender(std::string_view id) {
  return id == "timeQuality" || id == "origin" || id == "meta";
}

/// "exampleSDID@32473", "iut" → "exampleSDID_iut".
std::string label_of(const Parameter& parameter) {
  std::string name(parameter.id.substr(0, parameter.id.find('@')));
  name.append("_").append(parameter.name);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'); },
      '_');
  if (name.front() >= '0' && name.front() <= '9') name.insert(name.begin(), '_');
  return name;
}

/// Some senders end a datagram like a line, or like a C string.
std::string_view without_end(std::string_view bytes) {
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r' || bytes.back() == '\0'))
    bytes.remove_suffix(1);
  return bytes;
}

}  // namespace

RecordWriter::RecordWriter(tsn::Context ctx, const tsn::Config& config)
    : ctx_(ctx),
      matches_(log_match::Match::read(config, config.str("signal", "syslog"))),
      parser_(config.str("zone", "local")),
      data_ids_(config.strings("structured_data")),
      by_arrival_(config.str("time", "sent") == "received"),
      max_age_(config.duration("max_age").count()),
      batch_(ctx, batch_rows) {
  constexpr std::pair<std::string_view, Field> known[] = {{"facility", Field::facility}, {"severity", Field::severity},
                                                          {"app", Field::app},           {"host", Field::host},
                                                          {"procid", Field::procid},     {"msgid", Field::msgid}};
  for (const auto& name : config.strings("fields")) {
    const auto at =
        std::find_if(std::begin(known), std::end(known), [&](const auto& each) { return each.first == name; });
    if (at == std::end(known))
      throw tsn::Failure(
          tsn::invalid("fields: \"" + name + "\" is none; expected facility, severity, app, host, procid or msgid"));
    fields_.emplace_back(at->second, name);
  }
  every_id_ = std::find(data_ids_.begin(), data_ids_.end(), "*") != data_ids_.end();
}

void RecordWriter::take(std::string_view bytes, bool cut, std::string_view sender) {
  bytes = without_end(bytes);
  if (bytes.empty()) return;
  ++counts_.messages;
  if (cut) ++counts_.cut;
  if ((batch_.rows() + matches_.size() > batch_rows || text_bytes_ > batch_text) && !submit()) {
    full_ = true;
    if (batch_.rows() + matches_.size() > tsn::Batch::bound || text_bytes_ > 16 * batch_text) {
      ++counts_.lost;
      return;
    }
  }
  const auto now = ctx_.now();
  const auto message = parser_.parse(utf8::clean(bytes, scratch_), now);
  if (message.form == Message::Form::bare) ++counts_.bare;
  const auto at = time_of(message, now);
  make_labels(message, sender);
  bool any = false;
  for (auto& match : matches_) {
    if (!match.find(message.text)) continue;
    any = true;
    write(match, message, at, max_age_ > 0 && at < now - max_age_);
  }
  ++(any ? counts_.matched : counts_.unmatched);
}

tsn::Time RecordWriter::time_of(const Message& message, tsn::Time now) {
  if (by_arrival_ || !message.at || *message.at <= 0) return now;
  if (*message.at <= now + clock_slack) return *message.at;
  ++counts_.clock_ahead;
  return now;
}

bool RecordWriter::wanted(std::string_view id) const {
  return (every_id_ && !about_the_sender(id)) || std::find(data_ids_.begin(), data_ids_.end(), id) != data_ids_.end();
}

void RecordWriter::make_labels(const Message& message, std::string_view sender) {
  labels_.clear();
  for (const auto& [field, name] : fields_) {
    switch (field) {
      case Field::facility:
        labels_.emplace_back(name, facility_name(message.facility));
        break;
      case Field::severity:
        labels_.emplace_back(name, severity_name(message.severity));
        break;
      case Field::app:
        labels_.emplace_back(name, message.app);
        break;
      case Field::host:
        labels_.emplace_back(name, message.host.empty() ? sender : message.host);
        break;
      case Field::procid:
        labels_.emplace_back(name, message.procid);
        break;
      case Field::msgid:
        labels_.emplace_back(name, message.msgid);
        break;
    }
  }
  names_.clear();
  names_.reserve(most_data_labels);  // labels_ points into it
  for (const auto& parameter : message.data) {
    if (names_.size() == most_data_labels || !wanted(parameter.id)) continue;
    names_.push_back(label_of(parameter));
    labels_.emplace_back(names_.back(), parameter.value);
  }
}

void RecordWriter::write(log_match::Match& match, const Message& message, tsn::Time at, bool old) {
  double value = 1;
  tsn::Series series;
  if (!match.value(value))
    return refuse("value", "the group \"" + match.value_group() + "\" holds no finite number", match.signal(),
                  message.text);
  if (const auto status = match.series(ctx_, labels_, series); !status)
    return refuse(status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), match.signal(),
                  message.text);
  const auto carried = utf8::cut(message.text, most_text);
  auto row = batch_.push(at, series, value).text(carried).severity(severity_number(message.severity));
  if (old) row.flags(TSN_ROW_OLD);
  text_bytes_ += carried.size();
}

void RecordWriter::refuse(const char* type, std::string_view reason, std::string_view signal, std::string_view text) {
  ++counts_.refused;
  auto& refusal = refusals_[type];
  if (refusal.count < UINT32_MAX) ++refusal.count;
  if (refusal.count > 1) return;
  refusal.reason = reason;
  refusal.signal = signal;
  refusal.text = utf8::cut(text, 1024);
}

void RecordWriter::report_refusals() {
  for (const auto& [type, refusal] : refusals_)
    ctx_.reject({type, refusal.reason, refusal.signal, {}, refusal.text, refusal.count});
  refusals_.clear();
}

tsn::Status RecordWriter::submit() {
  if (batch_.empty()) return full_ = false, tsn::ok;
  const auto rows = batch_.rows();
  auto done = batch_.submit();
  if (done.status.value() == TSN_RETRY || done.status.value() == TSN_FAILED)
    return tsn::retry_later(done.status.text());
  if (!done.status) ctx_.error("the host refused " + std::to_string(rows) + " messages: " + done.status.text());
  text_bytes_ = 0;
  full_ = false;
  return tsn::ok;
}

}  // namespace tocsin_plugins::syslog
