#include "shard/sim/sim_sink.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "shard/sim/sim_lines.h"

namespace barid::sim {

using Stage = SinkScript::Stage;
using rt::Task;

namespace {

constexpr Duration kPatience = std::chrono::minutes(10);
constexpr std::string_view kTokenField = "X-Token: ";

bool starts_with_keyword(std::string_view line, std::string_view keyword) {
  if (line.size() < keyword.size()) return false;
  return std::equal(keyword.begin(), keyword.end(), line.begin(),
                    [](char a, char b) { return a == (b >= 'a' && b <= 'z' ? b - 32 : b); });
}

/// What stands between the first '<' and the next '>'.
std::string path_of(std::string_view line) {
  const size_t open = line.find('<');
  const size_t close = line.find('>', open);
  if (open == line.npos || close == line.npos) return {};
  return std::string(line.substr(open + 1, close - open - 1));
}

std::string_view value_after(std::string_view text, std::string_view name, size_t from = 0) {
  const size_t at = text.find(name, from);
  if (at == text.npos) return {};
  const std::string_view rest = text.substr(at + name.size());
  return rest.substr(0, rest.find_first_of("\r\n"));
}

}  // namespace

SinkScript SinkScript::flaky() {
  SinkScript script;
  script.drop_at = Stage::kContent;
  script.drop_per_mille = 100;
  script.defer_per_mille = 200;
  script.greylist_tries = 1;
  return script;
}

struct SimSink::Session final : rt::StopCallback {
  Session(rt::StopSource& stop, net::Stream connection)
      : StopCallback(stop), stream(std::move(connection)) {}
  void on_stop() override { stream.interrupt(); }
  void reset_transaction() {
    recipients.clear();
    content.clear();
    has_sender = false;
  }

  net::Stream stream;
  bool has_sender = false;
  bool is_notice = false;
  bool ended_well = false;
  std::vector<std::string> recipients;
  std::string content;
  std::deque<std::pair<std::string, std::vector<std::string>>> unconfirmed;  // answered of late
};

SimSink::SimSink(World& world, World::Shard& shard, Ledger& ledger, SinkScript sink_script)
    : script(std::move(sink_script)),
      world_(world),
      shard_(shard),
      ledger_(ledger),
      listener_(shard.reactor, *this),
      sessions_(shard.reactor) {}

void SimSink::close() {
  listener_.close();
  stop_.request();
}

void SimSink::on_connection(int fd, const net::SocketAddress& peer) {
  if (stop_.requested()) {
    shard_.io.close(fd);
    return;
  }
  ++sessions_count;
  sessions_.spawn(serve(net::Stream(shard_.reactor, fd, peer)));
}

bool SimSink::drops(Stage stage) {
  return stage != Stage::kNone && script.drop_at == stage &&
         world_.rng.chance(script.drop_per_mille);
}

Task<void> SimSink::serve(net::Stream stream) {
  Session session(stop_, std::move(stream));
  const bool too_many = census_->open > script.connections_max;
  if (too_many && open_count_ >= script.connections_max) {
    ++turned_away_count;
    static_cast<void>(
        co_await reply(session, Stage::kNone, "421 4.7.0 too many connections from you"));
    co_return;
  }
  ++open_count_;
  bool open = co_await reply(session, Stage::kBanner, script.banner);
  while (open) {
    const auto line = co_await read_line(session.stream, shard_.reactor.now() + kPatience);
    if (!line.ok()) break;
    open = co_await handle(session, *line);
  }
  --open_count_;
  if (session.ended_well) co_return;
  for (const auto& [token, recipients] : session.unconfirmed) {
    for (const std::string& recipient : recipients) ledger_.answer_lost(token, recipient);
  }
}

/// Sends the scripted reply of `stage`, else `positive`. False: the session is over.
Task<bool> SimSink::reply(Session& session, Stage stage, std::string positive) {
  if (drops(stage)) co_return false;
  const auto scripted = script.replies.find(stage);
  const std::string text = scripted != script.replies.end() ? scripted->second : positive;
  if (script.reply_delay > Duration::zero()) {
    co_await rt::Sleep(shard_.reactor, shard_.reactor.now() + script.reply_delay);
  }
  session.stream.write(text);
  session.stream.write("\r\n");
  const Status sent = co_await session.stream.flush(shard_.reactor.now() + kPatience);
  co_return sent.ok() && !text.starts_with("421");
}

std::string SimSink::recipient_reply(const std::string& recipient) {
  const auto own = script.recipient_replies.find(recipient);
  if (own != script.recipient_replies.end()) return own->second;
  if (tries_[recipient]++ < script.greylist_tries) return "450 4.7.1 come back later";
  if (world_.rng.chance(script.defer_per_mille)) return "451 4.3.0 not now";
  return "250 2.1.5 Ok";
}

Task<bool> SimSink::handle(Session& session, std::string line) {
  if (starts_with_keyword(line, "EHLO")) {
    std::string answer = "250-sink.example";
    for (const std::string& keyword : script.keywords) answer += "\r\n250-" + keyword;
    answer[answer.rfind("250-") + 3] = ' ';
    co_return co_await reply(session, Stage::kHello, answer);
  }
  if (starts_with_keyword(line, "HELO")) {
    co_return co_await reply(session, Stage::kHello, "250 sink.example");
  }
  if (starts_with_keyword(line, "MAIL FROM:")) {
    session.reset_transaction();
    session.has_sender = !script.replies.contains(Stage::kMail);
    session.is_notice = path_of(line).empty();
    co_return co_await reply(session, Stage::kMail, "250 2.1.0 Ok");
  }
  if (starts_with_keyword(line, "RCPT TO:")) {
    const std::string recipient = path_of(line);
    const bool scripted = script.replies.contains(Stage::kRecipient);
    std::string answer = session.has_sender ? recipient_reply(recipient) : "503 5.5.1 MAIL first";
    if (!scripted && answer.starts_with("2")) session.recipients.push_back(recipient);
    co_return co_await reply(session, Stage::kRecipient, std::move(answer));
  }
  if (line.size() == 4 && starts_with_keyword(line, "DATA"))
    co_return co_await receive_data(session);
  if (starts_with_keyword(line, "BDAT ")) {
    co_return co_await receive_chunk(session, line.substr(5));
  }
  if (starts_with_keyword(line, "RSET")) session.reset_transaction();
  if (starts_with_keyword(line, "RSET") || starts_with_keyword(line, "NOOP")) {
    co_return co_await reply(session, Stage::kNone, "250 2.0.0 Ok");
  }
  if (starts_with_keyword(line, "QUIT")) {
    session.ended_well = co_await reply(session, Stage::kNone, "221 2.0.0 Bye");
    co_return false;
  }
  co_return co_await reply(session, Stage::kNone, "500 5.5.2 unknown command");
}

Task<bool> SimSink::receive_data(Session& session) {
  if (session.recipients.empty())
    co_return co_await reply(session, Stage::kNone, "503 5.5.1 RCPT first");
  const bool goes_on = co_await reply(session, Stage::kData, "354 go on");
  if (!goes_on || script.replies.contains(Stage::kData)) co_return goes_on;
  if (drops(Stage::kContent)) {
    static_cast<void>(
        co_await read_some(session.stream, SIZE_MAX, shard_.reactor.now() + kPatience));
    co_return false;
  }
  for (;;) {
    const auto line = co_await read_line(session.stream, shard_.reactor.now() + kPatience);
    if (!line.ok()) co_return false;
    if (*line == ".") break;
    session.content += line->starts_with('.') ? line->substr(1) : *line;
    session.content += "\r\n";
  }
  co_return co_await finish_message(session);
}

Task<bool> SimSink::receive_chunk(Session& session, std::string arguments) {
  size_t left = 0;
  std::from_chars(arguments.data(), arguments.data() + arguments.size(), left);
  const bool last = arguments.find("LAST") != std::string::npos;
  while (left > 0) {
    const std::string bytes =
        co_await read_some(session.stream, left, shard_.reactor.now() + kPatience);
    if (bytes.empty() || drops(Stage::kContent)) co_return false;
    session.content += bytes;
    left -= bytes.size();
  }
  if (session.recipients.empty())
    co_return co_await reply(session, Stage::kNone, "503 5.5.1 RCPT first");
  if (!last) co_return co_await reply(session, Stage::kNone, "250 2.0.0 Ok");
  co_return co_await finish_message(session);
}

Task<bool> SimSink::finish_message(Session& session) {
  if (drops(Stage::kAnswer)) co_return false;
  if (!script.replies.contains(Stage::kAnswer)) take_message(session);
  session.reset_transaction();
  if (drops(Stage::kAnswerLost)) co_return false;
  co_return co_await reply(session, Stage::kAnswer, "250 2.0.0 Ok: taken");
}

void SimSink::take_message(Session& session) {
  ++messages_count;
  if (session.is_notice) {
    take_notice(session.content);
    return;
  }
  const size_t at = session.content.find(kTokenField);
  const std::string token(value_after(session.content, kTokenField));
  const uint64_t hash =
      at == std::string::npos ? 0 : content_hash(std::string_view(session.content).substr(at));
  const std::string_view named = value_after(session.content, " id ");
  const std::string queue_id(named.substr(0, named.find_first_of(" ;")));
  for (const std::string& recipient : session.recipients) {
    ledger_.delivered(token, recipient, hash, queue_id);
    ++by_domain[recipient.substr(recipient.rfind('@') + 1)];
  }
  session.unconfirmed.emplace_back(token, session.recipients);
  if (session.unconfirmed.size() > script.unanswered_max) session.unconfirmed.pop_front();
}

void SimSink::take_notice(const std::string& content) {
  constexpr std::string_view kRecipientField = "Final-Recipient: rfc822;";
  const std::string token(value_after(content, kTokenField));
  for (size_t at = content.find(kRecipientField); at != std::string::npos;
       at = content.find(kRecipientField, at + 1)) {
    std::string_view recipient = value_after(content, kRecipientField, at);
    recipient.remove_prefix(std::min(recipient.find_first_not_of(' '), recipient.size()));
    if (value_after(content, "Action: ", at) == "failed") {
      ledger_.noticed(token, std::string(recipient));
    }
  }
}

}  // namespace barid::sim
