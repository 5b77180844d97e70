#include "http_client/http_client.hpp"

#include "http_client/http_call.hpp"

namespace tocsin_plugins {

struct HttpClient::Impl {
  HttpSettings settings;
  HttpCall call;
};

HttpClient::HttpClient(HttpSettings settings) : impl_(std::make_unique<Impl>()) {
  impl_->settings = std::move(settings);
}

HttpClient::~HttpClient() = default;

tsn::Status HttpClient::perform(const HttpRequest& request, tsn::Deadline deadline, HttpAnswer& answer) {
  impl_->call.prepare(impl_->settings, request, deadline, answer);
  return impl_->call.result(curl_easy_perform(impl_->call.handle()), answer);
}

}  // namespace tocsin_plugins
