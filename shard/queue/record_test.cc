// Goal: records survive the trip to bytes and back, damage is refused, and keys sort as promised.
// Method: full and minimal messages, flipped and truncated records, rows of keys in order.
#include "shard/queue/record.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/rng.h"
#include "shard/queue/queue.pb.h"

namespace barid::queue {
namespace {

using namespace std::chrono_literals;

Message full_message() {
  Message message;
  message.id = {.micros = 1'700'000'000'000'000, .partition = 3};
  message.envelope = {.sender = "\"odd sender\"@a.example",
                      .envid = "id+1",
                      .dsn_return = DsnReturn::kHeaders,
                      .body = BodyType::kBinaryMime,
                      .smtputf8 = true,
                      .recipients = {{.address = "u@b.example",
                                      .original = "rfc822;U@b.example",
                                      .notify = kNotifySuccess | kNotifyDelay},
                                     {.address = "пример@b.example"}},
                      .tenant = "acme",
                      .stream = Stream::kBulk,
                      .priority = -4,
                      .expires_at = wall_from_micros(1'700'000'900'000'000),
                      .pool = "warm",
                      .verp = "+=",
                      .email_id = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794",
                      .origin = MailOrigin::kHttp,
                      .client_name = "mx.a.example",
                      .client_address = "2001:db8::7",
                      .client_port = 65535,
                      .client_is_local = false,
                      .helo = std::string("raw\xff\0helo", 9),
                      .protocol = "ESMTPS",
                      .forwarded_id = "4XYZ"};
  message.status = {{.state = RecipientState::kFailed,
                     .dsn = {5, 1, 1},
                     .reason = "host mx said: 550",
                     .remote_mta = "mx.b.example",
                     .diagnostic = "550 5.1.1 unknown"},
                    {.state = RecipientState::kDelivered,
                     .success = SuccessReport::kRelayed,
                     .dsn = {4, 999, 999}}};
  message.size = 123'456'789;
  message.arrival = wall_from_micros(1'700'000'000'000'001);
  message.created = wall_from_micros(1'700'000'000'000'002);
  message.due = wall_from_micros(1'700'000'300'000'003);
  message.attempts = 7;
  message.in_doubt_count = 2;
  message.hold = true;
  message.force_expired = true;
  message.order = Order::kRequeue;
  message.delay_notice_sent = true;
  message.filed_under = {"smtp:b.example", "lmtp:unix:/run/x"};
  return message;
}

void expect_equal(const Message& a, const Message& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.envelope.sender, b.envelope.sender);
  EXPECT_EQ(a.envelope.envid, b.envelope.envid);
  EXPECT_EQ(a.envelope.dsn_return, b.envelope.dsn_return);
  EXPECT_EQ(a.envelope.body, b.envelope.body);
  EXPECT_EQ(a.envelope.smtputf8, b.envelope.smtputf8);
  EXPECT_EQ(a.envelope.client_name, b.envelope.client_name);
  EXPECT_EQ(a.envelope.client_address, b.envelope.client_address);
  EXPECT_EQ(a.envelope.client_port, b.envelope.client_port);
  EXPECT_EQ(a.envelope.client_is_local, b.envelope.client_is_local);
  EXPECT_EQ(a.envelope.forwarded_id, b.envelope.forwarded_id);
  EXPECT_EQ(a.envelope.helo, b.envelope.helo);
  EXPECT_EQ(a.envelope.protocol, b.envelope.protocol);
  EXPECT_EQ(a.envelope.tenant, b.envelope.tenant);
  EXPECT_EQ(a.envelope.stream, b.envelope.stream);
  EXPECT_EQ(a.envelope.priority, b.envelope.priority);
  EXPECT_EQ(a.envelope.expires_at, b.envelope.expires_at);
  EXPECT_EQ(a.envelope.pool, b.envelope.pool);
  EXPECT_EQ(a.envelope.verp, b.envelope.verp);
  EXPECT_EQ(a.envelope.email_id, b.envelope.email_id);
  EXPECT_EQ(a.envelope.origin, b.envelope.origin);
  EXPECT_EQ(a.delay_notice_sent, b.delay_notice_sent);
  ASSERT_EQ(a.envelope.recipients.size(), b.envelope.recipients.size());
  ASSERT_EQ(b.status.size(), b.envelope.recipients.size());
  for (size_t i = 0; i < a.status.size(); ++i) {
    EXPECT_EQ(a.envelope.recipients[i].address, b.envelope.recipients[i].address);
    EXPECT_EQ(a.envelope.recipients[i].original, b.envelope.recipients[i].original);
    EXPECT_EQ(a.envelope.recipients[i].notify, b.envelope.recipients[i].notify);
    EXPECT_EQ(a.status[i].state, b.status[i].state);
    EXPECT_EQ(a.status[i].success, b.status[i].success);
    EXPECT_EQ(a.status[i].dsn, b.status[i].dsn);
    EXPECT_EQ(a.status[i].reason, b.status[i].reason);
    EXPECT_EQ(a.status[i].remote_mta, b.status[i].remote_mta);
    EXPECT_EQ(a.status[i].diagnostic, b.status[i].diagnostic);
  }
  EXPECT_EQ(a.size, b.size);
  EXPECT_EQ(a.arrival, b.arrival);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.due, b.due);
  EXPECT_EQ(a.attempts, b.attempts);
  EXPECT_EQ(a.in_doubt_count, b.in_doubt_count);
  EXPECT_EQ(a.hold, b.hold);
  EXPECT_EQ(a.force_expired, b.force_expired);
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(a.filed_under, b.filed_under);
}

Message minimal_message() {
  Message message;
  message.envelope.recipients = {{.address = "u@b.example"}};
  message.status.resize(1);
  return message;
}

std::string encoded(const Message& message) {
  std::string bytes = "what was there before";
  encode_message(message, &bytes);
  return bytes;
}

TEST(Record, RoundTrip) {
  for (const Message& message : {full_message(), minimal_message(), full_message()}) {
    const auto decoded = decode_message(message.id, encoded(message));
    ASSERT_TRUE(decoded.ok());
    expect_equal(message, **decoded);
  }
}

TEST(Record, GoldenBytes) {
  // Written by format 1; must decode for ever. sender "s@a", recipient "r@b", size 5, attempts 1.
  const std::string golden("\x0a\x03s@a\x50\x05\x68\x01\x7a\x05\x0a\x03r@b", 16);
  const auto decoded = decode_message(QueueId{.micros = 1}, golden);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ((*decoded)->envelope.sender, "s@a");
  ASSERT_EQ((*decoded)->envelope.recipients.size(), 1u);
  EXPECT_EQ((*decoded)->envelope.recipients[0].address, "r@b");
  EXPECT_EQ((*decoded)->status[0].state, RecipientState::kPending);
  EXPECT_EQ((*decoded)->size, 5u);
  EXPECT_EQ((*decoded)->attempts, 1u);
}

TEST(Record, BrokenInvariantsAreCorrupt) {
  struct Row {
    const char* name;
    void (*damage)(record::Message&);
  };
  const Row rows[] = {
      {"no recipients", [](record::Message& m) { m.clear_recipients(); }},
      {"success report",
       [](record::Message& m) { m.mutable_recipients(0)->set_success_report(3); }},
      {"state", [](record::Message& m) { m.mutable_recipients(0)->set_state(4); }},
      {"notify", [](record::Message& m) { m.mutable_recipients(0)->set_notify(16); }},
      {"class", [](record::Message& m) { m.mutable_recipients(0)->set_dsn_class(6); }},
      {"subject", [](record::Message& m) { m.mutable_recipients(0)->set_dsn_subject(1000); }},
      {"detail", [](record::Message& m) { m.mutable_recipients(1)->set_dsn_detail(1000); }},
      {"ret", [](record::Message& m) { m.set_dsn_return(3); }},
      {"body", [](record::Message& m) { m.set_body(3); }},
      {"destination", [](record::Message& m) { m.add_filed_under(std::string("a\0b", 3)); }},
      {"size", [](record::Message& m) { m.set_size(uint64_t{1} << 60); }},
  };
  for (const Row& row : rows) {
    record::Message in;
    ASSERT_TRUE(in.ParseFromString(encoded(full_message())));
    ASSERT_TRUE(decode_message(QueueId{}, in.SerializeAsString()).ok());
    row.damage(in);
    const auto decoded = decode_message(QueueId{}, in.SerializeAsString());
    ASSERT_FALSE(decoded.ok()) << row.name;
    EXPECT_EQ(decoded.error().code, Code::kCorrupt) << row.name;
  }
}

TEST(Record, DamagedBytesNeverCrash) {
  EXPECT_FALSE(decode_message(QueueId{}, "").ok());
  EXPECT_FALSE(decode_message(QueueId{}, "\xff\xff\xff").ok());
  const std::string whole = encoded(full_message());
  // A cut inside a field does not parse.
  EXPECT_FALSE(decode_message(QueueId{}, std::string_view(whole).substr(0, 1)).ok());
  EXPECT_FALSE(decode_message(QueueId{}, std::string_view(whole).substr(0, 10)).ok());
  for (size_t length = 0; length < whole.size(); ++length) {
    (void)decode_message(QueueId{}, std::string_view(whole).substr(0, length));
  }
  Rng rng(1);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = whole;
    for (uint64_t flips = 1 + rng.below(4); flips > 0; --flips) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    }
    const auto decoded = decode_message(QueueId{}, bytes);
    if (decoded.ok()) EXPECT_EQ((*decoded)->status.size(), (*decoded)->envelope.recipients.size());
  }
}

// --- keys

TEST(ScheduleKey, OrderIsDestinationThenDueThenArrival) {
  struct Row {
    std::string_view destination;
    int64_t due_micros;
    QueueId id;
  };
  const Row ordered[] = {
      {"smtp:a", 0, {.micros = 9}},
      {"smtp:a", 1, {.micros = 1}},
      {"smtp:a", 255, {.micros = 5, .partition = 9}},
      {"smtp:a", 256, {.micros = 4}},
      {"smtp:a", 256, {.micros = 5}},
      {"smtp:a", 256, {.micros = 5, .partition = 1}},
      {"smtp:a", 1'700'000'000'000'000, {.micros = 1}},
      {"smtp:a.b", 0, {.micros = 1}},
      {"smtp:a:25", 0, {.micros = 1}},
      {"smtp:b", 0, {.micros = 1}},
      {"smtp:\xc3\xa4", 0, {.micros = 1}},
  };
  std::string previous;
  for (const Row& row : ordered) {
    const std::string key = schedule_key(row.destination, wall_from_micros(row.due_micros), row.id);
    EXPECT_LT(previous, key) << row.destination << ' ' << row.due_micros;
    previous = key;
    const auto parsed = parse_schedule_key(key);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->destination, row.destination);
    EXPECT_EQ(unix_micros(parsed->due), row.due_micros);
    EXPECT_EQ(parsed->id, row.id);
  }
}

TEST(ScheduleKey, ForeignKeysAreCorrupt) {
  const std::string good = schedule_key("smtp:a", wall_from_micros(1), {.micros = 1});
  std::string without_nul = good;
  without_nul[6] = 'x';
  const std::string rows[] = {
      "",         "x",         std::string(18, '\0'),         good.substr(1, good.size() - 2),
      good + "x", without_nul, std::string("a\0b", 3) + good,  // a destination holds no NUL
  };
  for (const std::string& row : rows) {
    EXPECT_FALSE(parse_schedule_key(row).ok()) << testing::PrintToString(row);
  }
  EXPECT_TRUE(parse_schedule_key(std::string(19, '\0')).ok());  // the empty destination
}

TEST(ContentKey, OrderIsIdThenChunk) {
  const QueueId id{.micros = 7, .partition = 2};
  const QueueId next{.micros = 7, .partition = 3};
  EXPECT_EQ(content_key(id, 0).size(), kContentKeyBytes);
  EXPECT_LT(content_key(id, 0), content_key(id, 1));
  EXPECT_LT(content_key(id, 255), content_key(id, 256));
  EXPECT_LT(content_key(id, 65535), content_key(next, 0));
}

}  // namespace
}  // namespace barid::queue
