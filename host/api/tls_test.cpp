// TLS with certificates made for the test, by the openssl command.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "api/testing/fleet.hpp"

namespace tocsin::api {
namespace {

namespace fs = std::filesystem;

class TlsServer : public testing::ServerTest {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "tocsin-tls-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    certificate("server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
  }
  void TearDown() override {
    ServerTest::TearDown();
    ::unsetenv("SSL_CERT_FILE");
    fs::remove_all(folder);
  }
  void certificate(const std::string& name, const std::string& extension) {
    std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
        " -addext " + extension + " -keyout " + file(name + ".key") + " -out " + file(name + ".crt") + " 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0) << "the openssl command is needed: " << command;
  }
  std::string file(const std::string& name) const { return (folder / name).string(); }
  ServerSettings settings() const {
    ServerSettings out;
    out.tls = {file("server.crt"), file("server.key"), {}};
    return out;
  }
  base::Result<Answer> get(const std::string& host, std::string_view target) const {
    return call("https://" + host + ":" + std::to_string(port()), "GET", target, "", "", std::chrono::seconds(10));
  }

  fs::path folder;
};

TEST_F(TlsServer, ServesAClientThatTrustsItsCertificate) {
  start(settings());
  ::setenv("SSL_CERT_FILE", file("server.crt").c_str(), 1);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto answer = get(host, "/api/v1/version");
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, R"({"version":"0.1.0"})");
  }
}

TEST_F(TlsServer, CarriesLargeBodiesBothWays) {
  backend.on_plugin = [](const Backend::PluginRequest& request, std::function<void(Backend::PluginResponse)> done) {
    done({200, {}, std::string(request.body)});
    return true;
  };
  start(settings());
  ::setenv("SSL_CERT_FILE", file("server.crt").c_str(), 1);
  std::string body(3'000'000, 'b');
  body[1'500'000] = 'x';
  auto answer =
      call("https://127.0.0.1:" + std::to_string(port()), "POST", "/echo", body, "", std::chrono::seconds(20));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(answer->body == body);
}

TEST_F(TlsServer, IsRefusedByAClientThatDoesNotTrustIt) {
  start(settings());
  auto answer = get("127.0.0.1", "/healthz");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::unavailable);
  EXPECT_NE(answer.error().message().find("certificate"), std::string::npos) << answer.error().message();
}

TEST_F(TlsServer, IsRefusedUnderANameItsCertificateDoesNotCarry) {
  certificate("server", "subjectAltName=DNS:other.example");
  start(settings());
  ::setenv("SSL_CERT_FILE", file("server.crt").c_str(), 1);
  EXPECT_FALSE(get("127.0.0.1", "/healthz"));
}

TEST_F(TlsServer, RefusesClientsWithoutTheCertificateItAsksFor) {
  certificate("corp-ca", "basicConstraints=CA:TRUE");
  ServerSettings wanted = settings();
  wanted.tls.client_ca = file("corp-ca.crt");
  start(wanted);
  ::setenv("SSL_CERT_FILE", file("server.crt").c_str(), 1);
  EXPECT_FALSE(get("127.0.0.1", "/healthz"));
  // The authority's own certificate is one it signed.
  std::string curl = "openssl s_client -quiet -connect 127.0.0.1:" + std::to_string(port()) + " -CAfile " +
                     file("server.crt") + " -cert " + file("corp-ca.crt") + " -key " + file("corp-ca.key") + " < " +
                     file("request") + " > " + file("answer") + " 2>/dev/null";
  std::ofstream(file("request")) << "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(std::system(curl.c_str()), 0);
  std::string status;
  std::getline(std::ifstream(file("answer")), status);
  EXPECT_EQ(status, "HTTP/1.1 200 OK\r");
}

TEST_F(TlsServer, TellsPluginsWhoseCertificateAClientShowed) {
  backend.on_plugin = [](const Backend::PluginRequest& request, std::function<void(Backend::PluginResponse)> done) {
    done({200, {}, "[" + std::string(request.certificate) + "]"});
    return true;
  };
  certificate("gateway", "basicConstraints=CA:TRUE");
  ServerSettings wanted = settings();
  wanted.tls.client_ca = file("gateway.crt");
  start(wanted);
  std::ofstream(file("request")) << "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
                                 << "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                                 << "Connection: close\r\n\r\n";
  const std::string ask = "openssl s_client -quiet -connect 127.0.0.1:" + std::to_string(port()) + " -CAfile " +
                          file("server.crt") + " -cert " + file("gateway.crt") + " -key " + file("gateway.key") +
                          " < " + file("request") + " > " + file("answer") + " 2>/dev/null";
  EXPECT_EQ(std::system(ask.c_str()), 0);
  std::ifstream read(file("answer"));
  const std::string answers{std::istreambuf_iterator<char>(read), {}};
  const auto first = answers.find("[CN=gateway]");
  ASSERT_NE(first, answers.npos) << answers;
  EXPECT_NE(answers.find("[CN=gateway]", first + 1), answers.npos) << "a connection's second request\n" << answers;
}

TEST_F(TlsServer, TellsOfNoCertificateWhereNoneIsAskedFor) {
  backend.on_plugin = [](const Backend::PluginRequest& request, std::function<void(Backend::PluginResponse)> done) {
    done({200, {}, "[" + std::string(request.certificate) + "]"});
    return true;
  };
  start(settings());
  ::setenv("SSL_CERT_FILE", file("server.crt").c_str(), 1);
  auto answer = call("https://127.0.0.1:" + std::to_string(port()), "POST", "/echo", "", "", std::chrono::seconds(10));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "[]");
}

TEST_F(TlsServer, IsPassedRequestsByAFellowThatTrustsAndShowsTheSameFiles) {
  ServerSettings wanted = settings();
  wanted.tls.client_ca = file("server.crt");
  start(wanted);
  testing::MemberBackend fellow_backend;
  fellow_backend.name("https://127.0.0.1:" + std::to_string(port()));
  telemetry::Metrics fellow_metrics;
  wanted.listen = "127.0.0.1:0";
  auto fellow = Server::start(wanted, fellow_backend, fellow_metrics);
  ASSERT_TRUE(fellow) << fellow.error().message();
  std::string file_body(1 << 20, 'f');
  std::ofstream(file("request")) << "POST /api/v1/incidents/1042/attachments?name=a.log HTTP/1.1\r\nHost: localhost\r\n"
                                 << "Connection: close\r\nContent-Length: " << file_body.size() << "\r\n\r\n"
                                 << file_body;
  const std::string ask = "openssl s_client -quiet -connect 127.0.0.1:" + std::to_string((*fellow)->port()) +
                          " -CAfile " + file("server.crt") + " -cert " + file("server.crt") + " -key " +
                          file("server.key") + " < " + file("request") + " > " + file("answer") + " 2>/dev/null";
  EXPECT_EQ(std::system(ask.c_str()), 0);
  std::string status;
  std::getline(std::ifstream(file("answer")), status);
  EXPECT_EQ(status, "HTTP/1.1 201 Created\r");
  ASSERT_EQ(backend.files.size(), 1u);
  EXPECT_TRUE(*backend.files[0].content == file_body);
  (*fellow)->stop();
}

TEST_F(TlsServer, RefusesVersionsBelow12) {
  start(settings());
  std::string command =
      "openssl s_client -tls1_1 -cipher ALL:@SECLEVEL=0 -connect 127.0.0.1:" + std::to_string(port()) +
      " </dev/null >/dev/null 2>&1";
  EXPECT_NE(std::system(command.c_str()), 0);
  command = "openssl s_client -tls1_2 -connect 127.0.0.1:" + std::to_string(port()) + " </dev/null >/dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(TlsServer, ClosesOnPlainHttpAndOnGarbageAndGoesOn) {
  start(settings());
  for (const char* bytes : {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\x16\x03\x01\x7f\xff garbage after all"}) {
    testing::RawClient client(port());
    client.send(bytes);
    client.end_sending();
    client.rest();
  }
  ::setenv("SSL_CERT_FILE", file("server.crt").c_str(), 1);
  EXPECT_TRUE(get("127.0.0.1", "/healthz"));
}

TEST_F(TlsServer, SaysWhichFileItCannotUse) {
  ServerSettings bad = settings();
  bad.listen = "127.0.0.1:0";
  bad.tls.key = file("missing.key");
  auto refused = Server::start(bad, backend, metrics);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), base::Fault::invalid);
  EXPECT_NE(refused.error().message().find("missing.key"), std::string::npos) << refused.error().message();
  certificate("other", "subjectAltName=DNS:x");
  bad.tls.key = file("other.key");
  EXPECT_FALSE(Server::start(bad, backend, metrics));
}

}  // namespace
}  // namespace tocsin::api
