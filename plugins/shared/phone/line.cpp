#include "phone/line.hpp"

#include <algorithm>

#include "message_text/text.hpp"
#include "phone/verdict.hpp"

namespace tocsin_plugins {
namespace {

using std::chrono::seconds;

HttpSettings settings_of(const tsn::Config& config) {
  std::string no_proxy;
  for (const auto& host : config.strings("no_proxy")) no_proxy += (no_proxy.empty() ? "" : ",") + host;
  return {std::string(config.str("ca_file")), std::string(config.str("proxy_url")), no_proxy};
}

/// What a call made again does without: the book has 60 KiB for all calls that are on their way.
bool too_long_to_keep(std::string_view name) {
  return name == "incident.description" || name == "incident.impact" || name == "incident.suggestion" ||
         name.starts_with("incident.labels.");
}

Fields fields_of(const tsn::Message& message, std::string text) {
  return {{"recipient", std::string(message.recipient.address)},
          {"text", std::move(text)},
          {"key", std::string(message.key)},
          {"title", one_line(message.title)},
          {"severity", std::string(tsn::severity_name(message.incident.severity))},
          {"service", one_line(message.incident.service)},
          {"number", message.incident.number ? std::to_string(message.incident.number) : ""}};
}

}  // namespace

PhoneLine::PhoneLine(const tsn::Context& ctx, LineKind kind)
    : ctx_(ctx),
      kind_(std::move(kind)),
      client_(settings_of(ctx.config())),
      adapter_(LuaAdapter::of(ctx, client_, kind_.calls)),
      provider_(provider_of(ctx.config(), kind_, adapter_.get())),
      retries_(kind_.calls ? static_cast<int>(ctx.config().integer("retries", 2)) : 0),
      retry_after_(ctx.config().duration("retry_after", seconds(60))),
      book_(ctx) {}

Provider PhoneLine::provider_of(const tsn::Config& config, const LineKind& kind, const LuaAdapter* adapter) {
  if (adapter)
    return read_adapter_provider(config, kind.words, kind.calls, adapter->has_status(), adapter->has_callback());
  return read_provider(config, kind.words, kind.calls);
}

tsn::Status PhoneLine::start() {
  if (!can_send()) return tsn::invalid(std::string(kind_.name) + ": set url in [notifier." + ctx_.name() + ".send]");
  {
    std::lock_guard lock(mutex_);
    stopped_ = false;
    book_.load();
  }
  arm();
  return tsn::ok;
}

void PhoneLine::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  arm();
}

HttpRequest PhoneLine::request_of(const RequestPattern& pattern, const Fields& fields) const {
  HttpRequest request;
  request.method = pattern.method;
  request.url = fill(pattern.url, fields, Place::url);
  request.body = fill(pattern.body, fields, pattern.body_place);
  for (const auto& [name, value] : pattern.headers)
    request.headers.push_back(name + ": " + fill(value, fields, Place::header));
  return request;
}

/// To the provider, by the adapter or by the table. `id` stays empty where it gives none that can be kept.
tsn::Status PhoneLine::hand_over(const NamedTexts& fields, tsn::Deadline deadline, std::string& id) {
  if (!adapter_) return post(fields, deadline, id);
  if (auto status = adapter_->send(fields, deadline, id); !status)
    return tsn::Status(status.value(), std::string(kind_.name) + ": " + status.text(), status.code(),
                       status.retry_after_ms());
  if (id.size() <= 256 && (!id.empty() || (!provider_.status && !provider_.callback))) return tsn::ok;
  id.clear();
  ctx_.count("answers_without_id");
  ctx_.warn(std::string(kind_.name) +
            ": the adapter's send returned no id, or one of more than 256 bytes: receipts of it cannot be matched");
  return tsn::ok;
}

tsn::Status PhoneLine::post(const NamedTexts& texts, tsn::Deadline deadline, std::string& id) {
  Fields fields;
  for (const auto& [name, value] : texts) fields.push_back({name, value});
  HttpRequest request = request_of(provider_.send->request, fields);
  request.once = true;
  HttpAnswer answer;
  if (auto status = client_.perform(request, deadline, answer); !status) return status;
  const std::string what = std::string(kind_.name) + ": " + request.method + " to " + host_of(request.url);
  if (auto status = send_verdict(*provider_.send, answer, what, ctx_.now()); !status) return status;
  if (provider_.send->id.empty()) return tsn::ok;
  const auto type = answer.headers.find("content-type");
  id = Document(answer.body, type == answer.headers.end() ? "" : type->second).at(provider_.send->id).value_or("");
  if (!id.empty() && id.size() <= 256) return tsn::ok;
  id.clear();
  ctx_.count("answers_without_id");
  ctx_.warn(what + ": the message was taken, but its answer has no id at send.id = \"" + provider_.send->id +
            "\": receipts of it cannot be matched");
  return tsn::ok;
}

tsn::Status PhoneLine::send(const tsn::Message& message, std::string text, tsn::Delivered& delivered,
                            tsn::Deadline deadline) {
  if (!can_send()) return start();
  if (message.recipient.address.empty())
    return tsn::invalid(std::string(kind_.name) + ": no phone number for " + std::string(message.recipient.target) +
                        "; set phone of the contact");
  NamedTexts fields;
  for (auto& field : fields_of(message, std::move(text)))
    fields.emplace_back(std::string(field.name), std::move(field.value));
  if (adapter_)
    for (auto& field : adapter_fields(message)) fields.push_back(std::move(field));
  SentMessage sent;
  if (auto status = hand_over(fields, deadline, sent.id); !status) return status;
  delivered.provider_id = sent.id;
  if (sent.id.empty() || (!provider_.status && !provider_.callback)) return tsn::ok;
  sent.key = message.key, sent.address = message.recipient.address, sent.sent = ctx_.now();
  if (retries_ > 0) {
    std::erase_if(fields, [](const auto& field) { return too_long_to_keep(field.first); });
    sent.fields = std::move(fields);
  }
  note(std::move(sent));
  return tsn::ok;
}

void PhoneLine::note(SentMessage message) {
  {
    std::lock_guard lock(mutex_);
    if (provider_.status) message.poll_at = ctx_.now() + provider_.status->every.count();
    book_.add(std::move(message));
    book_.save();
  }
  arm();
}

}  // namespace tocsin_plugins
