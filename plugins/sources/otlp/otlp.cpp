// OTLP/HTTP 1.x: https://opentelemetry.io/docs/specs/otlp/#otlphttp. Requests come on any thread.
#include "desk.hpp"
#include "tocsin/plugin.hpp"
#include "unpack/unpack.hpp"

namespace tocsin_plugins {

class Otlp {
 public:
  static constexpr auto id = "otlp", version = "1.0.0",
                        doc = "OTLP/HTTP: metrics, logs and traces of OpenTelemetry, in protobuf and JSON";
  static constexpr tsn::Option options[] = {
      {.key = "metrics_path", .type = tsn::string, .fallback = "\"/v1/metrics\"", .doc = "Where metrics are sent to"},
      {.key = "logs_path", .type = tsn::string, .fallback = "\"/v1/logs\"", .doc = "Where logs are sent to"},
      {.key = "traces_path", .type = tsn::string, .fallback = "\"/v1/traces\"", .doc = "Where traces are sent to"},
      {.key = "max_size",
       .type = tsn::size,
       .fallback = "\"16MiB\"",
       .min = "\"1KiB\"",
       .max = "\"64MiB\"",
       .doc = "A body that is larger, or unpacks to more, is refused"},
      {.key = "resource_labels",
       .type = tsn::array,
       .fallback =
           R"(["service.name=service", "service.namespace", "service.instance.id", "deployment.environment", "deployment.environment.name=deployment_environment", "host.name", "k8s.*"])",
       .doc = "Attributes of a resource that become labels of its metrics: NAME, NAME=LABEL or PREFIX*"},
      {.key = "drop_attributes",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Attributes of data points that become no labels: NAME or PREFIX*; all others do"},
      {.key = "quantiles",
       .type = tsn::array,
       .fallback = "[0.5, 0.95, 0.99]",
       .doc = "Quantiles of each interval that are made of a histogram's buckets"},
      {.key = "signal",
       .type = tsn::string,
       .fallback = "\"log.record\"",
       .doc = "Name of the signal that every log record becomes where there is no [[match]]"},
      {.key = "match",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Entries of signal, pattern, value (a group that holds the number) and labels; each that fits emits"},
      {.key = "log_labels",
       .type = tsn::array,
       .fallback = R"(["service.name=service"])",
       .doc = "Attributes of a log record, or of its resource, that become labels beside severity"},
      {.key = "span_labels",
       .type = tsn::array,
       .fallback = R"(["service.name=service"])",
       .doc = "Attributes of a span, or of its resource, that become labels beside operation, kind and status"},
      {.key = "span_durations",
       .type = tsn::string,
       .fallback = "\"each\"",
       .choices = "each|summary",
       .doc = "span.duration is a value for each span, of which rules take quantiles, or a summary for each body"},
      {.key = "max_operations",
       .type = tsn::integer,
       .fallback = "200",
       .min = "1",
       .max = "10000",
       .doc = "Operations of a service that are told apart; the spans of further ones are of \"other\""},
  };
  static constexpr tsn::Route routes[] = {
      {.method = "POST", .path = "{metrics_path}", .doc = "OTLP/HTTP metrics: ExportMetricsServiceRequest"},
      {.method = "POST", .path = "{logs_path}", .doc = "OTLP/HTTP logs: ExportLogsServiceRequest"},
      {.method = "POST", .path = "{traces_path}", .doc = "OTLP/HTTP traces: ExportTraceServiceRequest"}};
  static constexpr tsn::Signal signals[] = {
      {.name = "*", .labels = "*", .doc = "What is sent as a metric, under its own name"},
      {.name = "log.record", .unit = "1", .labels = "service,severity", .doc = "1 for each log record, with its body"},
      {.name = "span.requests", .unit = "1", .labels = "service,operation,kind,status", .doc = "Spans that ended"},
      {.name = "span.errors", .unit = "1", .labels = "service,operation,kind", .doc = "Those of them that failed"},
      {.name = "span.duration", .unit = "s", .labels = "service,operation,kind,status", .doc = "How long they took"},
      {.name = "service.calls", .unit = "1", .labels = "client,server", .doc = "Calls from one service to another"}};

  Otlp()
      : most_(static_cast<std::size_t>(ctx_.config().size("max_size", 16 << 20))),
        logs_path_(ctx_.config().str("logs_path", "/v1/logs")),
        traces_path_(ctx_.config().str("traces_path", "/v1/traces")),
        shared_(ctx_.config()),
        desks_(ctx_, ctx_.config(), shared_) {}

  void handle(const tsn::Request& request, tsn::Response& response) {
    const auto signal = signal_of(request.path());
    otlp::Encoding encoding;
    if (!encoding_of(request.header("content-type"), encoding)) {
      ctx_.count("bodies_refused");
      response.status(415).header("content-type", "text/plain; charset=utf-8");
      response.body("expected Content-Type: application/x-protobuf or application/json\n");
      return;
    }
    auto desk = desks_.take();
    auto body = request.body();
    if (const auto fault = unpack(request, *desk, body); fault.status != 0)
      return refuse(response, encoding, fault.status, fault.code, fault.why);
    if (const auto why = desk->read(signal, encoding, body); !why.empty()) {
      ctx_.reject({encoding == otlp::Encoding::json ? "json" : "protobuf", why, {}, {}, {}, 1});
      return refuse(response, encoding, 400, otlp::invalid_argument, why);
    }
    submit(*desk, signal, encoding, response);
  }

 private:
  struct Fault {
    std::uint32_t status = 0, code = 0;
    std::string why;
  };
  static constexpr std::size_t padding = 64;  ///< what the JSON parser reads ahead

  otlp::Signal signal_of(std::string_view path) const {
    return path == logs_path_     ? otlp::Signal::logs
           : path == traces_path_ ? otlp::Signal::traces
                                  : otlp::Signal::metrics;
  }

  static bool encoding_of(std::string_view type, otlp::Encoding& out) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    std::string word(type);
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    out = word == "application/json" ? otlp::Encoding::json : otlp::Encoding::protobuf;
    return word == content_type(out);
  }

  Fault unpack(const tsn::Request& request, otlp::Desk& desk, std::string_view& body) const {
    const Fault too_long{
        413, otlp::resource_exhausted,
        "the body is larger than max_size (" + std::to_string(most_) + " bytes); send smaller batches"};
    const auto coding = coding_of(request.header("content-encoding"));
    if (body.size() > most_) return too_long;
    if (coding == Coding::none) {
      if (request.body_padding() >= padding) return {};
      desk.unpacked().assign(body).append(padding, '\0');
      body = std::string_view(desk.unpacked()).substr(0, body.size());
      return {};
    }
    if (!coding)
      return {415, otlp::unimplemented, "the body is packed otherwise than with " + std::string(codings_in_words)};
    const auto done = tocsin_plugins::unpack(*coding, body, most_, padding, desk.unpacked());
    body = desk.unpacked();
    if (done == Unpacked::too_long) return too_long;
    if (done == Unpacked::broken) return {400, otlp::invalid_argument, broken_text(*coding)};
    return {};
  }

  void refuse(tsn::Response& response, otlp::Encoding encoding, std::uint32_t status, std::uint32_t code,
              std::string_view why) {
    ctx_.count("bodies_refused");
    response.status(status).header("content-type", content_type(encoding)).body(status_body(encoding, code, why));
  }

  void submit(otlp::Desk& desk, otlp::Signal signal, otlp::Encoding encoding, tsn::Response& response) {
    if (const auto status = desk.submit(); !status) {
      // 503 is sent again by every exporter, 500 by none.
      const bool lasting = status.value() == TSN_INVALID || status.value() == TSN_UNSUPPORTED;
      if (!lasting) response.header("retry-after", "1");
      return refuse(response, encoding, lasting ? 500 : 503, lasting ? otlp::internal : otlp::unavailable,
                    status.value() == TSN_RETRY ? "the agent is busy" : status.text());
    }
    report(desk, signal);
    const auto& tally = desk.tally();
    response.header("content-type", content_type(encoding));
    response.body(response_body(encoding, signal, tally.refused(), tally.reason()));
  }

  void report(otlp::Desk& desk, otlp::Signal signal) {
    const auto& tally = desk.tally();
    const char* items = signal == otlp::Signal::metrics ? "points"
                        : signal == otlp::Signal::logs  ? "log_records"
                                                        : "spans";
    const std::pair<std::string, std::uint64_t> all[] = {{items, tally.items()},
                                                         {std::string(items) + "_refused", tally.refused()},
                                                         {"points_repeated", tally.repeated},
                                                         {"points_older", tally.older},
                                                         {"log_records_unmatched", desk.take_unmatched()},
                                                         {"spans_of_other", desk.take_folded()}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
    tally.report(ctx_);
  }

  tsn::Context ctx_;
  const std::size_t most_;
  const std::string logs_path_, traces_path_;
  otlp::Shared shared_;
  otlp::Desks desks_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Otlp;
TOCSIN_PLUGIN(Otlp)
