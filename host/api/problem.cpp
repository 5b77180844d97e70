#include "api/problem.hpp"

#include "api/json_writer.hpp"

namespace tocsin::api {

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

unsigned status_of(base::Fault fault) {
  switch (fault) {
    case base::Fault::invalid:
      return 400;
    case base::Fault::not_found:
      return 404;
    case base::Fault::conflict:
      return 409;
    case base::Fault::denied:
      return 403;
    case base::Fault::unavailable:
      return 503;
    case base::Fault::deadline:
      return 504;
    case base::Fault::exhausted:
      return 429;
    case base::Fault::unsupported:
      return 501;
    case base::Fault::cancelled:
      return 503;
    case base::Fault::corrupt:
    case base::Fault::internal:
      return 500;
  }
  return 500;
}

Problem::Problem(const base::Error& error) : status(status_of(error.fault())), detail(error.message()) {
  if (status == 503 || status == 429) headers.emplace_back("Retry-After", "1");
}

Problem bad_parameter(std::string_view name, std::string_view given, std::string_view valid) {
  Problem problem(
      400, "parameter " + std::string(name) + ": \"" + std::string(given) + "\" given; valid: " + std::string(valid));
  problem.with("parameter", json_text(name)).with("given", json_text(given)).with("valid", json_text(valid));
  return problem;
}

Reply to_reply(const Problem& problem, std::string_view instance) {
  Reply reply;
  reply.status = problem.status;
  reply.content_type = "application/problem+json";
  reply.headers = problem.headers;
  JsonWriter json(reply.body);
  json.open_object();
  json.field("type", "about:blank").field("title", reason_phrase(problem.status));
  json.field("status", static_cast<std::uint64_t>(problem.status));
  json.field("detail", problem.detail).field("instance", instance);
  for (const auto& [name, value] : problem.members) json.key(name).raw(value);
  json.close_object();
  return reply;
}

}  // namespace tocsin::api
