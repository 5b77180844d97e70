// One call on one libcurl handle, for HttpClient, which waits for it, and HttpSender, which has many under way. The
// only header here that includes libcurl's; of this library alone.
#pragma once

#include <curl/curl.h>

#include "http_client/http_client.hpp"

namespace tocsin_plugins {

class HttpCall {
 public:
  HttpCall();
  ~HttpCall();
  HttpCall(const HttpCall&) = delete;

  /// Sets the handle up. Request and answer are borrowed until result().
  void prepare(const HttpSettings& settings, const HttpRequest& request, tsn::Deadline deadline, HttpAnswer& answer);
  /// After libcurl ended the call: as HttpClient::perform() answers.
  tsn::Status result(CURLcode code, HttpAnswer& answer);
  CURL* handle() const { return curl_; }

  struct BodyTaker {
    HttpAnswer* answer = nullptr;
    std::size_t most = 0;
  };

 private:
  void forget_headers();

  CURL* curl_ = nullptr;
  curl_slist* headers_ = nullptr;
  BodyTaker taker_;
  std::string url_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace tocsin_plugins
