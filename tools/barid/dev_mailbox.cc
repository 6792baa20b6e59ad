#include "tools/barid/dev_mailbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/runtime/scope.h"
#include "smtp/server/machine.h"

namespace barid::tools {
namespace {

constexpr Duration kPatience = std::chrono::seconds(300);

/// Blocking: on an offload thread. The message is complete under its final name or not there.
Status write_message(const std::string& path, const std::string& bytes) {
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return error_from_errno(errno);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t written = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      ::close(fd);
      return error_from_errno(error);
    }
    done += static_cast<size_t>(written);
  }
  if (fsync(fd) != 0 || ::close(fd) != 0) return error_from_errno(errno);
  if (rename(temporary.c_str(), path.c_str()) != 0) return error_from_errno(errno);
  return {};
}

class DevMailbox final : public ShardGuest, private net::ConnectionHandler {
 public:
  DevMailbox(Shard::Inside& inside, std::string directory)
      : inside_(inside),
        reactor_(shard_reactor(inside)),
        directory_(std::move(directory)),
        listener_(reactor_, static_cast<net::ConnectionHandler&>(*this)),
        scope_(reactor_) {
    policy_.hostname = "mailbox.localhost";
    policy_.banner = "mailbox.localhost ESMTP barid dev";
    policy_.message_size_limit = 0;
    policy_.checks = 0;
  }

  Status listen(uint16_t port) {
    return listener_.open(*net::SocketAddress::from_ip("127.0.0.1", port));
  }

  rt::Task<bool> close(MonoTime deadline) override {
    listener_.close();
    stop_.request();
    const bool ended = co_await scope_.join(deadline) == Code::kOk;
    while (!listener_.closed())
      co_await rt::Sleep(reactor_, reactor_.now() + std::chrono::milliseconds(1));
    co_return ended;
  }

 private:
  class Interrupter final : public rt::StopCallback {
   public:
    Interrupter(rt::StopSource& source, net::Stream& stream)
        : StopCallback(source), stream_(stream) {}
    void on_stop() override { stream_.interrupt(); }

   private:
    net::Stream& stream_;
  };

  void on_connection(int fd, const net::SocketAddress& peer) override {
    scope_.spawn(serve(net::Stream(reactor_, fd, peer)));
  }

  rt::Task<void> serve(net::Stream stream) {
    Interrupter interrupter(stop_, stream);
    smtp::ServerMachine machine(policy_, {.name = "localhost"});
    machine.start({});
    std::string content;
    for (;;) {
      size_t consumed = 0;
      const smtp::Action action = machine.next(stream.input(), &consumed);
      if (action.kind == smtp::ActionKind::kBodyBytes) content += action.bytes;
      stream.consume(consumed);
      switch (action.kind) {
        case smtp::ActionKind::kCheckRecipient:
        case smtp::ActionKind::kCheckVerify:
        case smtp::ActionKind::kCheckEtrn:
          machine.on_verdict({});
          break;
        case smtp::ActionKind::kOpenMessage:
        case smtp::ActionKind::kAbort:
          content.clear();
          break;
        case smtp::ActionKind::kCommit:
          co_await keep(machine, content);
          break;
        case smtp::ActionKind::kNeedInput:
        case smtp::ActionKind::kFlush:
        case smtp::ActionKind::kClose: {
          stream.write(machine.output());
          machine.clear_output();
          if (action.kind == smtp::ActionKind::kFlush) break;
          const MonoTime deadline = reactor_.now() + kPatience;
          if (action.kind == smtp::ActionKind::kClose) {
            static_cast<void>(co_await stream.flush(deadline));
            co_return;
          }
          const Status status = co_await stream.read(deadline);
          if (!status.ok() && stream.input().empty()) co_return;
          break;
        }
        default:
          break;
      }
    }
  }

  rt::Task<void> keep(smtp::ServerMachine& machine, std::string& content) {
    Envelope envelope;
    machine.fill_envelope(envelope);
    std::string file = fmt::format("X-Envelope-From: <{}>\r\n", envelope.sender);
    for (const Recipient& recipient : envelope.recipients) {
      file += fmt::format("X-Envelope-To: <{}>\r\n", recipient.address);
    }
    file += content;
    content.clear();
    const std::string name =
        fmt::format("{}-{:04}.eml", unix_micros(reactor_.wall_now()), ++sequence_ % 10000);
    const std::string path = directory_ + "/" + name;
    auto call = [path, file = std::move(file)] { return write_message(path, file); };
    const Status status =
        co_await shard_offload(inside_).run(std::move(call), reactor_.now() + kPatience);
    if (status.ok()) {
      machine.on_committed(name);
    } else {
      machine.on_commit_failed("452 4.3.1 mailbox cannot be written");
    }
  }

  Shard::Inside& inside_;
  rt::Reactor& reactor_;
  const std::string directory_;
  smtp::ServerPolicy policy_;
  net::Listener listener_;
  rt::Scope scope_;
  rt::StopSource stop_;
  uint64_t sequence_ = 0;
};

}  // namespace

std::string start_dev_mailbox(Shard::Inside& inside, uint16_t port, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fmt::format("mailbox {}: {}", directory, error.message());
  auto mailbox = std::make_unique<DevMailbox>(inside, directory);
  const Status status = mailbox->listen(port);
  if (!status.ok()) {
    return fmt::format("mailbox: cannot listen on 127.0.0.1:{}: {}", port,
                       std::strerror(status.error().error_number));
  }
  shard_adopt_guest(inside, std::move(mailbox));
  return {};
}

}  // namespace barid::tools
