// Goal: calls arrive whole, redirects are not followed, a private address is refused at the
// connection, long answers and silence end.
// Method: a small server on loopback that reads one request a connection.
#include "http/webhook/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace barid::http {
namespace {

/// Answers one connection after the other, each with the next of its answers.
class Server {
 public:
  explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  void serve() {
    for (const std::string& answer : answers_) {
      const int peer = ::accept(fd_, nullptr, nullptr);
      if (peer < 0) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n{}") == std::string::npos) {
        const ssize_t got = ::recv(peer, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<size_t>(got));
      }
      requests_.push_back(request);
      if (answer.empty()) {  // silence until the client gives up
        while (::recv(peer, buffer, sizeof buffer, 0) > 0) {
        }
      }
      for (size_t sent = 0; sent < answer.size();) {
        const ssize_t went = ::send(peer, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (went <= 0) break;
        sent += static_cast<size_t>(went);
      }
      ::close(peer);
    }
  }
  std::vector<std::string> answers_;
  std::vector<std::string> requests_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

WebhookAnswer call(const std::string& url, std::string_view allowed) {
  std::string problem;
  WebhookClient client;
  client.set_settings({.policy = AddressPolicy::parse(allowed, &problem),
                       .timeout = std::chrono::milliseconds(1500),
                       .user_agent = "test/1"});
  EXPECT_TRUE(
      client.start({.token = 7,
                    .url = url,
                    .fields = {"webhook-id: x", "content-type: application/json", "expect:"},
                    .body = "{}"}));
  for (int turn = 0; turn < 1000; ++turn) {
    const std::vector<WebhookAnswer> answers = client.run(std::chrono::milliseconds(50));
    if (answers.empty()) continue;
    EXPECT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].token, 7u);
    EXPECT_EQ(client.calls_count(), 0u);
    return answers[0];
  }
  ADD_FAILURE() << "no answer";
  return {};
}

TEST(WebhookClient, AnswersByStatus) {
  const std::string redirect =
      "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
  Server server({"HTTP/1.1 204 No Content\r\n\r\n", redirect,
                 "HTTP/1.1 200 OK\r\ncontent-length: 400000\r\n\r\n" + std::string(400'000, 'x')});
  EXPECT_EQ(call(server.url(), "127.0.0.0/8").status, 204);
  EXPECT_EQ(call(server.url(), "127.0.0.0/8").status, 302);
  EXPECT_EQ(call(server.url(), "127.0.0.0/8").status, 200);
  const std::string& request = server.requests()[0];
  EXPECT_TRUE(request.starts_with("POST /hook HTTP/1.1\r\n")) << request;
  for (const std::string_view part :
       {"webhook-id: x\r\n", "User-Agent: test/1\r\n", "\r\n\r\n{}"}) {
    EXPECT_NE(request.find(part), std::string::npos) << request;
  }
}

TEST(WebhookClient, PrivateAddressIsRefusedWhenItConnects) {
  Server server({"HTTP/1.1 204 No Content\r\n\r\n"});
  std::string url = server.url();
  EXPECT_EQ(call(url, "").problem, "private address");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  EXPECT_EQ(call(url, "10.0.0.0/8").problem, "private address");
  EXPECT_TRUE(server.requests().empty());
}

TEST(WebhookClient, SilenceEnds) {
  Server server({""});
  const WebhookAnswer answer = call(server.url(), "127.0.0.0/8");
  EXPECT_EQ(answer.status, 0);
  EXPECT_NE(answer.problem, "");
}

}  // namespace
}  // namespace barid::http
