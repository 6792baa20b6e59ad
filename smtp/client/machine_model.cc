#include "smtp/client/machine_model.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "smtp/client/machine.h"

namespace barid::smtp {
namespace {

/// The scenario's choices; zeros when they have run out.
class Choices {
 public:
  explicit Choices(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint32_t next() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  uint32_t below(uint32_t bound) { return next() % bound; }
  bool one_in(uint32_t n) { return below(n) == n - 1; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::string_view take(size_t count) {
    count = std::min(count, bytes_.size());
    const std::string_view taken(reinterpret_cast<const char*>(bytes_.data()), count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

 private:
  std::span<const uint8_t> bytes_;
};

/// Everything a message borrows, on the heap, so that a sanitizer sees a use after it was given
/// back.
struct Mail {
  Envelope envelope;
  std::vector<uint32_t> indices;
  std::vector<std::string> parts;
  std::vector<std::string_view> spans;
  OutgoingMessage out;
};

struct Reported {
  int results = 0;
  Fate fate = Fate::kDeferred;
};

class Ledger final : public ClientSink {
 public:
  void on_result(const RecipientResult& r) override {
    BARID_ASSERT(mails.contains(r.message->tag));
    Reported& reported = results[{r.message->tag, r.recipient}];
    BARID_ASSERT(++reported.results == 1);
    reported.fate = r.fate;
    BARID_ASSERT(!r.text.empty());
    BARID_ASSERT(r.text.find('\n') == std::string_view::npos);
    const int klass = r.dsn.klass;
    switch (r.fate) {
      case Fate::kDelivered:
        BARID_ASSERT(klass == 2);
        break;
      case Fate::kDeferred:
        BARID_ASSERT(klass == 4);
        break;
      case Fate::kFailed:
        BARID_ASSERT(klass == 5);
        break;
      case Fate::kInDoubt:
        BARID_ASSERT(klass == 4);
        break;
      case Fate::kNotAttempted:
        BARID_ASSERT(!r.throttle);
        break;
      case Fate::kNeedsConversion:
        break;
    }
  }
  void on_leaving(const OutgoingMessage& message) override {
    BARID_ASSERT(mails.contains(message.tag));
    BARID_ASSERT(leaving.insert(message.tag).second);
  }
  void on_message_done(const OutgoingMessage& message) override {
    const auto found = mails.find(message.tag);
    BARID_ASSERT(found != mails.end());
    for (const uint32_t index : found->second->indices) {
      BARID_ASSERT((results[{message.tag, index}].results == 1));
    }
    mails.erase(found);
  }

  std::map<uint64_t, std::unique_ptr<Mail>> mails;
  std::set<uint64_t> leaving;
  std::map<std::pair<uint64_t, uint32_t>, Reported> results;
};

Mail& make_mail(Ledger& ledger, uint64_t tag, Choices& choices) {
  Mail& mail = *(ledger.mails[tag] = std::make_unique<Mail>());
  const std::string name = std::to_string(tag);
  mail.envelope.sender = "s" + name + "@x";
  const uint32_t recipients_count = 1 + choices.below(4);
  for (uint32_t i = 0; i < recipients_count; ++i) {
    mail.envelope.recipients.push_back(
        {.address = 'r' + std::to_string(i) + "@x", .original = {}, .notify = 0});
    if (i == 0 || !choices.one_in(5)) mail.indices.push_back(i);
  }
  if (choices.one_in(16)) mail.envelope.recipients[mail.indices.back()].address = "bad\r\nDATA";
  mail.parts = {"message " + name + "\r\n"};
  const uint32_t lines_count = choices.one_in(6) ? 100 : choices.below(4);
  for (uint32_t i = 0; i < lines_count; ++i) {
    constexpr std::string_view kLines[] = {"text\r\n", ".dot\r\n",  ".\r\n",
                                           "",         "x\n.y\r\n", "no end"};
    mail.parts.emplace_back(kLines[choices.below(6)]);
  }
  for (const std::string& part : mail.parts) {
    mail.spans.push_back(part);
    mail.out.size += part.size();
  }
  mail.out.envelope = &mail.envelope;
  mail.out.recipients = mail.indices;
  mail.out.content = mail.spans;
  mail.out.has_8bit = choices.one_in(20);
  mail.out.tag = tag;
  return mail;
}

/// A server that keeps to the protocol, refuses at whim, and keeps a transaction open after
/// refusing its data, as common servers do.
class Server {
 public:
  Server(bool lmtp, Choices& choices) : choices_(choices), lmtp_(lmtp) { say("220 x\r\n"); }

  void receive(std::string_view bytes) {
    in_ += bytes;
    while (!closed_ && step()) {
    }
  }
  std::string out;
  bool closed() const { return closed_; }
  /// (sender, recipient) → content of each delivery.
  std::vector<std::pair<std::pair<std::string, std::string>, std::string>> taken;

 private:
  void say(std::string_view text) { out += text; }

  /// Refuses with some luck; true if it did.
  bool refuse(uint32_t one_in_n) {
    if (!choices_.one_in(one_in_n)) return false;
    constexpr std::string_view kReplies[] = {"450 4.2.0 later\r\n", "550 5.1.1 no\r\n",
                                             "550-no\r\n550 no\r\n", "503 5.5.1 order\r\n",
                                             "421 4.3.2 bye\r\n"};
    const uint32_t which = choices_.below(5);
    say(kReplies[which]);
    if (which == 4) closed_ = true;
    return true;
  }

  bool step() {
    if (bdat_left_ > 0) {
      const size_t count = std::min<size_t>(bdat_left_, in_.size());
      content_ += in_.substr(0, count);
      in_.erase(0, count);
      bdat_left_ -= count;
      if (bdat_left_ > 0) return false;
      end_of_data();
      return true;
    }
    const size_t end = in_.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = in_.substr(0, end);
    in_.erase(0, end + 2);
    if (in_data_)
      data_line(line);
    else
      command(line);
    return true;
  }

  void data_line(const std::string& line) {
    if (line == ".") {
      in_data_ = false;
      return end_of_data();
    }
    content_ += line.starts_with('.') ? line.substr(1) : line;
    content_ += "\r\n";
  }

  void end_of_data() {
    const bool from_bdat = bdat_;
    bdat_ = false;
    if (recipients_.empty()) {
      say("554 5.5.1 no valid recipients\r\n");
      if (!from_bdat) open_ = false;
      return;  // after BDAT the transaction stays open
    }
    const size_t replies_count = lmtp_ ? recipients_.size() : 1;
    for (size_t i = 0; i < replies_count && !closed_; ++i) {
      if (refuse(5)) continue;
      say("250 2.0.0 taken\r\n");
      for (size_t k = lmtp_ ? i : 0; k < (lmtp_ ? i + 1 : recipients_.size()); ++k) {
        taken.push_back({{sender_, recipients_[k]}, content_});
      }
    }
    open_ = false;
    recipients_.clear();
  }

  void command(const std::string& line) {
    if (line.starts_with("EHLO") || line.starts_with("LHLO")) {
      if (refuse(30)) return;
      say("250-x\r\n");
      if (!choices_.one_in(4)) say("250-PIPELINING\r\n");
      if (choices_.one_in(2)) say("250-CHUNKING\r\n");
      if (choices_.one_in(4)) say("250-SIZE 200\r\n");
      return say("250 8BITMIME\r\n");
    }
    if (line.starts_with("HELO")) return void(refuse(20) || (say("250 x\r\n"), true));
    if (line == "RSET") {
      open_ = false;
      recipients_.clear();
      return say("250 flushed\r\n");
    }
    if (line == "QUIT") {
      say("221 bye\r\n");
      closed_ = true;
      return;
    }
    if (line.starts_with("MAIL FROM:<")) return mail(line);
    if (line.starts_with("RCPT TO:<")) return rcpt(line);
    if (line == "DATA") return data();
    if (line.starts_with("BDAT ")) return bdat(line);
    BARID_ASSERT(false);  // the client is out of step: content was read as a command
  }

  void mail(const std::string& line) {
    if (open_) return say("503 5.5.1 nested MAIL\r\n");
    if (refuse(8)) return;
    sender_ = line.substr(11, line.find('>') - 11);
    open_ = true;
    recipients_.clear();
    say("250 sender ok\r\n");
  }
  void rcpt(const std::string& line) {
    if (!open_) return say("503 5.5.1 need MAIL\r\n");
    if (refuse(4)) return;
    recipients_.push_back(line.substr(9, line.find('>') - 9));
    say("250 recipient ok\r\n");
  }
  void data() {
    content_.clear();
    if (!open_) return say("503 5.5.1 need MAIL\r\n");
    if (recipients_.empty() && !choices_.one_in(3)) return say("554 5.5.1 no recipients\r\n");
    if (refuse(8)) return;
    in_data_ = true;
    say("354 go\r\n");
  }
  void bdat(const std::string& line) {
    content_.clear();
    BARID_ASSERT(line.ends_with(" LAST"));
    bdat_left_ = std::stoull(line.substr(5));
    bdat_ = true;
    if (!open_) recipients_.clear();
    if (bdat_left_ == 0) end_of_data();
  }

  Choices& choices_;
  bool lmtp_;
  std::string in_;
  std::string sender_;
  std::vector<std::string> recipients_;
  std::string content_;
  uint64_t bdat_left_ = 0;
  bool bdat_ = false;
  bool open_ = false;
  bool in_data_ = false;
  bool closed_ = false;
};

ClientOptions model_options(Choices& choices) {
  ClientOptions options;
  options.helo_name = "c";
  options.host = "h";
  options.peer = "h[1]";
  options.lmtp = choices.one_in(4);
  options.pipeline_messages_limit = 1 + choices.below(5);
  options.speculative_bytes_max = choices.one_in(3) ? 20 : 1000;
  options.pipeline_bytes_limit = choices.one_in(3) ? 50 : 10000;
  options.convert_8bit = choices.one_in(2);
  return options;
}

/// Takes up to `bytes_max` of the client's output, reading every byte.
std::string write_some(ClientMachine& client, size_t bytes_max) {
  std::string wire;
  for (const iovec& piece : client.output()) {
    const size_t count = std::min(piece.iov_len, bytes_max - wire.size());
    wire.append(static_cast<const char*>(piece.iov_base), count);
    if (wire.size() == bytes_max) break;
  }
  if (!wire.empty()) client.on_written(wire.size());
  return wire;
}

struct Offered {
  std::string sender;
  std::vector<std::pair<uint32_t, std::string>> recipients;
  std::string content;
};

void check(const Offered& offered, uint64_t tag, Ledger& ledger, const Server& server) {
  for (const auto& [index, address] : offered.recipients) {
    int copies = 0;
    for (const auto& [key, content] : server.taken) {
      if (key != std::pair(offered.sender, address)) continue;
      const bool line_end_added = content == offered.content + "\r\n";
      BARID_ASSERT(content == offered.content || line_end_added);
      ++copies;
    }
    const Reported& reported = ledger.results[{tag, index}];
    BARID_ASSERT(reported.results == 1);
    BARID_ASSERT(copies == 0 || ledger.leaving.contains(tag));  // told before it could be taken
    switch (reported.fate) {
      case Fate::kDelivered:
        BARID_ASSERT(copies == 1);
        break;
      case Fate::kInDoubt:
        BARID_ASSERT(copies <= 1 && ledger.leaving.contains(tag));
        break;
      default:
        BARID_ASSERT(copies == 0);
        break;
    }
  }
}

}  // namespace

void run_model(std::span<const uint8_t> bytes) {
  Choices choices(bytes);
  Ledger ledger;
  const ClientOptions options = model_options(choices);
  ClientMachine client(options, ledger);
  Server server(options.lmtp, choices);
  std::string in_transit;  // written by the client, not read by the server
  std::map<uint64_t, Offered> offered;
  uint64_t next_tag = 1;

  while (!choices.empty() && !client.closed()) {
    switch (choices.below(8)) {
      case 0:
      case 1: {
        if (!client.can_offer()) break;
        const Mail& mail = make_mail(ledger, next_tag, choices);
        Offered& record = offered[next_tag++];
        record.sender = mail.envelope.sender;
        for (const uint32_t i : mail.indices) {
          record.recipients.emplace_back(i, mail.envelope.recipients[i].address);
        }
        for (const std::string& part : mail.parts) record.content += part;
        client.offer(mail.out);
        break;
      }
      case 2:
      case 3:
        in_transit += write_some(client, 1 + choices.next() * 8);
        break;
      case 4: {
        const size_t count = std::min<size_t>(in_transit.size(), 1 + choices.next() * 8);
        const std::string arrived = in_transit.substr(0, count);
        in_transit.erase(0, count);
        server.receive(arrived);
        break;
      }
      case 5:
      case 6: {
        const size_t count = std::min<size_t>(server.out.size(), 1 + choices.next());
        const std::string arrived = server.out.substr(0, count);
        server.out.erase(0, count);
        client.on_bytes(arrived);
        break;
      }
      case 7:
        if (choices.one_in(40)) client.quit();
        if (choices.one_in(40)) client.probe_before_next();
        if (choices.one_in(60)) client.on_timeout();
        if (choices.one_in(60)) client.on_lost();
        if (server.closed() && server.out.empty()) client.on_lost();
        break;
    }
  }
  // The server may still get what was written; nothing it says then arrives.
  server.receive(in_transit);
  if (choices.one_in(2))
    client.on_lost();
  else
    client.on_cancel();
  BARID_ASSERT(client.unfinished_count() == 0 && ledger.mails.empty());
  for (const auto& [tag, record] : offered) check(record, tag, ledger, server);
}

void run_hostile(std::span<const uint8_t> bytes) {
  Choices choices(bytes);
  Ledger ledger;
  ClientMachine client(model_options(choices), ledger);
  uint64_t next_tag = 1;
  while (!choices.empty()) {
    constexpr std::string_view kSayings[] = {
        "220 x ESMTP\r\n",
        "250-x\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 CHUNKING\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "550 5.1.1 no\r\n",
        "421 4.3.2 bye\r\n",
        "250-",
        "451 x\r\n",
        "250-x\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
        "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"};
    const uint32_t what = choices.below(16);
    if (what < std::size(kSayings)) {
      client.on_bytes(kSayings[what]);
    } else if (what == 10 || what == 11) {
      if (client.can_offer()) client.offer(make_mail(ledger, next_tag++, choices).out);
    } else if (what == 12) {
      client.on_bytes(choices.take(choices.below(40)));
    } else if (what == 13) {
      write_some(client, 1 + choices.next() * 4);
    } else if (what == 14) {
      write_some(client, SIZE_MAX);
    } else {
      if (choices.one_in(8)) client.quit();
      if (choices.one_in(8)) client.probe_before_next();
      if (choices.one_in(12)) client.on_timeout();
      if (choices.one_in(12)) client.on_lost();
    }
    (void)client.stage();
  }
  client.on_cancel();
  BARID_ASSERT(client.unfinished_count() == 0 && ledger.mails.empty());
  for (const auto& [key, reported] : ledger.results) BARID_ASSERT(reported.results == 1);
}

}  // namespace barid::smtp
