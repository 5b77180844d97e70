// What the tests of otlp share: a plugin under the fake host, and a small encoder of protobuf.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <string>

#include "protobuf_wire/wire.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace otlp_test {

constexpr std::int64_t second = 1'000'000'000;
/// 2026-11-20T09:59:00Z, a minute before the fake host's clock.
constexpr std::int64_t at = 1795168740 * second;

// --- protobuf ---
inline std::string sub(unsigned number, const std::string& content) {
  std::string out;
  tocsin_plugins::protobuf::put_bytes(out, number, content);
  return out;
}
inline std::string num(unsigned number, std::uint64_t value) {
  std::string out;
  tocsin_plugins::protobuf::put_varint(out, number << 3);
  tocsin_plugins::protobuf::put_varint(out, value);
  return out;
}
inline std::string zigzag(unsigned number, std::int64_t value) {
  return num(number, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}
inline std::string fix(unsigned number, std::uint64_t value) {
  std::string out;
  tocsin_plugins::protobuf::put_varint(out, number << 3 | 1);
  return out.append(reinterpret_cast<const char*>(&value), 8);
}
inline std::string real(unsigned number, double value) {
  return fix(number, std::bit_cast<std::uint64_t>(value));
}
inline std::string attribute(unsigned number, const std::string& key, const std::string& text) {
  return sub(number, sub(1, key) + sub(2, sub(1, text)));
}
inline std::string resource(const std::string& service) {
  return sub(1, attribute(1, "service.name", service));
}
inline std::string times(std::int64_t start, std::int64_t time) {
  return fix(2, static_cast<std::uint64_t>(start)) + fix(3, static_cast<std::uint64_t>(time));
}
/// A request of one resource and one scope with these items.
inline std::string request(const std::string& service, const std::string& items) {
  return sub(1, resource(service) + sub(2, items));
}

class Source : public ::testing::Test {
 protected:
  tsn::testing::Answer post(const std::string& path, std::string body, const char* type = "application/x-protobuf",
                            const char* packing = nullptr) {
    if (!instance_) instance_ = host_.create("otlp", config_);
    tsn::testing::HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.headers = {{"content-type", type}};
    if (packing) request.headers.emplace_back("content-encoding", packing);
    request.body = std::move(body);
    return instance_->handle(request);
  }
  tsn::testing::Answer json(const std::string& path, std::string body) {
    return post(path, std::move(body), "application/json");
  }
  tsn::testing::Row row(const std::string& name, std::size_t index = 0) const {
    for (const auto& each : host_.rows())
      if (each.name == name && index-- == 0) return each;
    ADD_FAILURE() << "no row " << name;
    return {};
  }
  std::size_t count(const std::string& name) const {
    std::size_t found = 0;
    for (const auto& each : host_.rows()) found += each.name == name;
    return found;
  }
  tsn::testing::FakeHost host_;
  tsn::Value config_ = tsn::Value::table();
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
};

}  // namespace otlp_test
