#include "tools/barid/control_server.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/mail/queue_entry.h"
#include "shard/net/listener.h"
#include "shard/net/stream.h"
#include "shard/queue/record.h"
#include "shard/runtime/scope.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

namespace http = boost::beast::http;

constexpr Duration kRequestPatience = std::chrono::seconds(30);
constexpr uint32_t kListBatch = 500;
constexpr size_t kBacklogBytesMax = 256 * 1024;
constexpr uint32_t kConnectionsMax = 64;

/// One piece of a listing, read on an offload thread.
struct ListBatch {
  std::vector<queue::RawRecord> records;
  bool done = false;
};

class BatchVisitor final : public queue::Store::Visitor {
 public:
  explicit BatchVisitor(ListBatch* batch) : batch_(batch) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    if (batch_->records.size() == kListBatch) {
      batch_->done = false;
      return false;
    }
    const auto id = QueueId::from_key(key);
    if (id) batch_->records.push_back({.id = *id, .bytes = std::string(value)});
    return true;
  }

 private:
  ListBatch* batch_;
};

Result<ListBatch> read_batch(const queue::Store& store, queue::Family family, QueueId from) {
  ListBatch batch{.done = true};
  BatchVisitor visitor(&batch);
  const auto key = from.key();
  BARID_TRY_VOID(store.scan(family, {key.data(), key.size()}, visitor));
  return batch;
}

QueueEntry entry_of(const queue::Message& message, bool active) {
  QueueEntry entry{.queue = QueueName::kDeferred,
                   .queue_id = message.id.text(),
                   .arrival_time = message.arrival,
                   .message_size = message.size,
                   .forced_expire = message.force_expired,
                   .sender = message.envelope.sender,
                   .attempts = message.attempts};
  if (message.hold) {
    entry.queue = QueueName::kHold;
  } else if (active) {
    entry.queue = QueueName::kActive;
  } else {
    if (message.attempts == 0) entry.queue = QueueName::kIncoming;
    entry.next_attempt = message.due;
  }
  for (size_t i = 0; i < message.status.size(); ++i) {
    const queue::RecipientStatus& status = message.status[i];
    const bool open = status.state == queue::RecipientState::kPending ||
                      status.state == queue::RecipientState::kFailed;
    if (open) {
      entry.recipients.push_back(
          {.address = message.envelope.recipients[i].address, .delay_reason = status.reason});
    }
  }
  return entry;
}

class ControlServer final : public ShardGuest, private net::ConnectionHandler {
 public:
  ControlServer(Shard::Inside& inside, std::vector<Shard*> shards)
      : inside_(inside),
        reactor_(shard_reactor(inside)),
        shards_(std::move(shards)),
        listener_(reactor_, static_cast<net::ConnectionHandler&>(*this)),
        scope_(reactor_) {}

  Status listen(const net::SocketAddress& address) { return listener_.open(address); }

  rt::Task<void> close() override {
    listener_.close();
    stop_.request();
    static_cast<void>(co_await scope_.join(reactor_.now() + std::chrono::seconds(5)));
    while (!listener_.closed())
      co_await rt::Sleep(reactor_, reactor_.now() + std::chrono::milliseconds(1));
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  /// Interrupts a connection when the server stops.
  class Interrupter final : public rt::StopCallback {
   public:
    Interrupter(rt::StopSource& source, net::Stream& stream)
        : StopCallback(source), stream_(stream) {}
    void on_stop() override { stream_.interrupt(); }

   private:
    net::Stream& stream_;
  };

  void on_connection(int fd, const net::SocketAddress& peer) override {
    if (scope_.tasks_count() >= kConnectionsMax) {
      reactor_.io().close(fd);
      return;
    }
    scope_.spawn(serve(net::Stream(reactor_, fd, peer)));
  }

  rt::Task<void> serve(net::Stream stream) {
    Interrupter interrupter(stop_, stream);
    Parser parser;
    parser.body_limit(64 * 1024);
    parser.header_limit(8 * 1024);
    std::string input;
    while (!parser.is_done()) {
      const Status status = co_await stream.read(reactor_.now() + kRequestPatience);
      if (!status.ok()) co_return;
      input += stream.input();
      stream.consume(stream.input().size());
      boost::system::error_code error;
      const size_t used = parser.put(boost::asio::buffer(input), error);
      input.erase(0, used);
      if (error == http::error::need_more) continue;
      if (error) {
        co_await answer(stream, "400 Bad Request", error.message() + "\n");
        co_return;
      }
    }
    const auto& request = parser.get();
    const std::string target(request.target().data(), request.target().size());
    const bool get = request.method() == http::verb::get;
    const bool post = request.method() == http::verb::post;
    if (get && target == "/admin/v1/queue") {
      co_await list_queue(stream);
    } else if (get && target == "/admin/v1/status") {
      co_await show_status(stream);
    } else if (post && target == "/admin/v1/drain") {
      for (Shard* shard : shards_)
        shard->post([](Shard::Inside& one) { shard_set_draining(one, true); });
      co_await answer(stream, "200 OK", "{\"draining\":true}\n");
    } else if (post && (target == "/admin/v1/reload" || target == "/admin/v1/stop")) {
      co_await answer(stream, "202 Accepted", "{}\n");
      kill(getpid(), target == "/admin/v1/stop" ? SIGTERM : SIGHUP);
    } else {
      co_await answer(stream, "404 Not Found", "{\"message\":\"no such resource\"}\n");
    }
  }

  rt::Task<void> answer(net::Stream& stream, std::string_view status, std::string body) {
    stream.write(
        fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
                    "Connection: close\r\n\r\n{}",
                    status, body.size(), body));
    static_cast<void>(co_await stream.flush(reactor_.now() + kRequestPatience));
  }

  /// Runs `visit` on every shard and waits for all answers. Messages, not closures: what is asked
  /// is plain data owned here until the reply.
  template <typename T>
  rt::Task<std::vector<T>> gather(T (*ask)(Shard::Inside&)) {
    struct Question {
      T (*ask)(Shard::Inside&);
      T answer{};
      rt::Event* done = nullptr;
      uint32_t* missing = nullptr;
    };
    std::vector<Question> questions(shards_.size());
    rt::Event done(reactor_);
    auto missing = static_cast<uint32_t>(shards_.size());
    for (size_t i = 0; i < shards_.size(); ++i) {
      questions[i] = Question{.ask = ask, .done = &done, .missing = &missing};
      rt::ShardMessage message;
      message.words[0] = reinterpret_cast<uint64_t>(&questions[i]);
      message.handle = [](void* receiver, const rt::ShardMessage& asked) {
        auto* question = reinterpret_cast<Question*>(asked.words[0]);
        auto& remote = *static_cast<Shard::Inside*>(receiver);
        question->answer = question->ask(remote);
        rt::ShardMessage reply;
        reply.words[0] = asked.words[0];
        reply.handle = [](void*, const rt::ShardMessage& answered) {
          auto* asked_question = reinterpret_cast<Question*>(answered.words[0]);
          if (--*asked_question->missing == 0) asked_question->done->set();
        };
        BARID_ASSERT(shard_port(remote).send(asked.from, reply));
      };
      if (!shard_port(inside_).send(static_cast<uint16_t>(i), message)) --missing;
    }
    while (missing > 0) static_cast<void>(co_await done.wait_for(std::chrono::seconds(1)));
    std::vector<T> answers;
    for (Question& question : questions) answers.push_back(std::move(question.answer));
    co_return answers;
  }

  rt::Task<void> show_status(net::Stream& stream) {
    const std::vector<ShardStatus> statuses = co_await gather<ShardStatus>(shard_status);
    std::string body = fmt::format("{{\"pid\":{},\"shards\":[", getpid());
    Counters total;
    for (size_t i = 0; i < statuses.size(); ++i) {
      const ShardStatus& status = statuses[i];
      body += fmt::format(
          "{}{{\"io_backend\":\"{}\",\"sessions\":{},\"deliveries\":{},\"active_messages\":{},"
          "\"content_memory_bytes\":{},\"recovering\":{}}}",
          i == 0 ? "" : ",", status.io_backend, status.sessions, status.deliveries,
          status.active_messages, status.content_memory_bytes, status.recovering);
      total += status.counters;
    }
    body += "],\"counters\":{";
    for (size_t i = 0; i < kCounterCount; ++i) {
      const auto counter = static_cast<Counter>(i);
      body += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", counter_info(counter).name,
                          total.get(counter));
    }
    body += "}}\n";
    co_await answer(stream, "200 OK", std::move(body));
  }

  rt::Task<void> list_queue(net::Stream& stream) {
    absl::flat_hash_set<QueueId> active;
    const std::vector<std::vector<QueueId>> ids =
        co_await gather<std::vector<QueueId>>(shard_active_ids);
    for (const std::vector<QueueId>& shard_ids : ids)
      active.insert(shard_ids.begin(), shard_ids.end());
    const auto stores = co_await gather<std::vector<const queue::Store*>>(shard_stores);
    stream.write(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n");
    for (const std::vector<const queue::Store*>& shard_list : stores) {
      for (const queue::Store* store : shard_list) {
        for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
          const bool ok = co_await list_family(stream, *store, family, active);
          if (!ok) co_return;
        }
      }
    }
    static_cast<void>(co_await stream.flush(reactor_.now() + kRequestPatience));
  }

  /// False if the client is gone or the store cannot be read: the answer then ends short.
  rt::Task<bool> list_family(net::Stream& stream, const queue::Store& store, queue::Family family,
                             const absl::flat_hash_set<QueueId>& active) {
    QueueId from{};
    for (;;) {
      const queue::Store* target = &store;
      auto call = [target, family, from] { return read_batch(*target, family, from); };
      const Result<ListBatch> batch =
          co_await shard_offload(inside_).run(call, reactor_.now() + kRequestPatience);
      if (!batch.ok()) co_return false;
      std::string lines;
      for (const queue::RawRecord& raw : batch->records) {
        const auto message = queue::decode_message(raw.id, raw.bytes);
        if (!message.ok()) continue;  // quarantined when the queue manager meets it
        const bool is_active = family == queue::Family::kFresh || active.contains(raw.id);
        write_json_line(lines, entry_of(**message, is_active));
      }
      stream.write(lines);
      if (stream.write_backlog() > kBacklogBytesMax) {
        const Status status = co_await stream.flush(reactor_.now() + kRequestPatience);
        if (!status.ok()) co_return false;
      }
      if (batch->done || batch->records.empty()) co_return true;
      from = batch->records.back().id;
      ++from.micros;
    }
  }

  Shard::Inside& inside_;
  rt::Reactor& reactor_;
  std::vector<Shard*> shards_;
  net::Listener listener_;
  rt::Scope scope_;
  rt::StopSource stop_;
};

}  // namespace

std::string start_control_server(Shard::Inside& inside, const std::string& queue_directory,
                                 std::vector<Shard*> shards) {
  const std::string path = queue_directory + "/public/control";
  const auto address = net::SocketAddress::from_unix_path(path);
  if (!address) return fmt::format("control socket: {} is longer than a socket path may be", path);
  unlink(path.c_str());  // of an earlier process: the queue's lock is ours
  auto server = std::make_unique<ControlServer>(inside, std::move(shards));
  const Status status = server->listen(*address);
  if (!status.ok()) {
    return fmt::format("control socket {}: {}", path, std::strerror(status.error().error_number));
  }
  chmod(path.c_str(), 0660);
  shard_adopt_guest(inside, std::move(server));
  return {};
}

}  // namespace barid::tools
