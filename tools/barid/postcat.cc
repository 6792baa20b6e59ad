#include "tools/barid/postcat.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <optional>
#include <vector>

namespace barid::tools {
namespace {

namespace json = boost::json;

/// The record types of Postfix that are shown, by their letter.
enum class Record : char {
  kSize = 'C',
  kTime = 'T',
  kAttribute = 'A',
  kSender = 'S',
  kVerp = 'V',
  kOriginal = 'O',
  kRecipient = 'R',
  kDone = 'D',
  kContent = 'M',
  kText = 'N',
  kExtracted = 'X',
  kEnd = 'E',
};

std::string_view record_name(Record record) noexcept {
  switch (record) {
    case Record::kSize:
      return "message_size";
    case Record::kTime:
      return "message_arrival_time";
    case Record::kAttribute:
      return "named_attribute";
    case Record::kSender:
      return "sender";
    case Record::kVerp:
      return "verp_delimiters";
    case Record::kOriginal:
      return "original_recipient";
    case Record::kRecipient:
      return "recipient";
    case Record::kDone:
      return "done_recipient";
    case Record::kText:
      return "regular_text";
    case Record::kContent:
    case Record::kExtracted:
    case Record::kEnd:
      break;
  }
  return "";
}

/// Bytes of a record: type, length in groups of seven bits, data.
uint64_t record_bytes(size_t data_bytes) noexcept {
  uint64_t bytes = 2 + data_bytes;
  for (size_t rest = data_bytes >> 7; rest > 0; rest >>= 7) ++bytes;
  return bytes;
}

std::string ctime_text(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  localtime_r(&time, &parts);
  char buffer[40];
  return {buffer, std::strftime(buffer, sizeof buffer, "%a %b %e %H:%M:%S %Y", &parts)};
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->as_string().data(), value->as_string().size()};
}

std::optional<int64_t> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || value->if_int64() == nullptr) return std::nullopt;
  return value->as_int64();
}

/// RFC 5322 2.2: printable name, perhaps blanks, a colon.
bool is_field(std::string_view line) noexcept {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, line.substr(0, colon).find_last_not_of(" \t") + 1);
  if (name.empty()) return false;
  for (const char c : name) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

/// A record before the content, as it is shown and as long as it would be.
struct EnvelopeRecord {
  Record type = Record::kAttribute;
  std::string shown;
  size_t data_bytes = 0;
};

class EnvelopeRecords {
 public:
  void add(Record type, std::string_view value) {
    records_.push_back({type, fmt::format("{}: {}", record_name(type), value), value.size()});
  }
  void attribute(std::string_view name, std::string_view value) {
    if (!value.empty()) add(Record::kAttribute, fmt::format("{}={}", name, value));
  }
  void attribute(std::string_view name, std::optional<int64_t> value) {
    if (value.value_or(0) != 0) attribute(name, fmt::format("{}", *value));
  }
  void arrival(int64_t seconds) {  // the record has microseconds too
    records_.push_back({Record::kTime,
                        fmt::format("{}: {}", record_name(Record::kTime), ctime_text(seconds)),
                        fmt::formatted_size("{}", seconds) + 7});
  }
  void created(int64_t seconds) {
    records_.push_back({Record::kAttribute, fmt::format("create_time: {}", ctime_text(seconds)),
                        fmt::formatted_size("create_time={}", seconds)});
  }
  [[nodiscard]] const std::vector<EnvelopeRecord>& records() const noexcept { return records_; }
  [[nodiscard]] uint64_t bytes() const noexcept {
    uint64_t total = 0;
    for (const EnvelopeRecord& record : records_) total += record_bytes(record.data_bytes);
    return total;
  }

 private:
  std::vector<EnvelopeRecord> records_;
};

void add_origin(const json::object& message, EnvelopeRecords* out) {
  const std::string_view name = text_of(message, "client_name");
  const std::string_view address = text_of(message, "client_address");
  const std::string_view helo = text_of(message, "helo");
  const std::string_view protocol = text_of(message, "protocol");
  out->attribute("log_client_name", name);
  out->attribute("log_client_address", address);
  if (!address.empty()) out->attribute("log_message_origin", fmt::format("{}[{}]", name, address));
  out->attribute("log_helo_name", helo);
  out->attribute("log_protocol_name", protocol);
  out->attribute("client_name", name);
  out->attribute("client_address", address);
  out->attribute("helo_name", helo);
  out->attribute("protocol_name", protocol);
  if (!address.empty()) {
    constexpr int64_t kIpv4 = 2;  // as Postfix writes it: AF_INET and AF_INET6 of Linux
    constexpr int64_t kIpv6 = 10;
    const bool is_ipv6 = address.find(':') != std::string_view::npos;
    out->attribute("client_address_type", is_ipv6 ? kIpv6 : kIpv4);
  }
}

void add_recipient(const json::object& recipient, EnvelopeRecords* out) {
  const std::string_view address = text_of(recipient, "address");
  const std::string_view state = text_of(recipient, "state");
  out->attribute("notify_flags", number_of(recipient, "notify"));
  out->attribute("dsn_orig_rcpt", text_of(recipient, "original"));
  out->add(Record::kOriginal, address);
  const bool open = state == "pending" || state == "failed";
  out->add(open ? Record::kRecipient : Record::kDone, address);
}

void add_sender(const json::object& message, EnvelopeRecords* out) {
  const std::string_view sender = text_of(message, "sender");
  const std::string_view returned = text_of(message, "dsn_return");
  const std::string_view body = text_of(message, "body_type");
  out->attribute("log_ident", text_of(message, "queue_id"));
  out->attribute("envelope_id", text_of(message, "envid"));
  out->attribute("ret_flags", returned == "FULL" ? 1 : returned == "HDRS" ? 2 : 0);
  out->add(Record::kSender, sender == "MAILER-DAEMON" ? "" : sender);
  if (const std::string_view verp = text_of(message, "verp"); !verp.empty()) {
    out->add(Record::kVerp, verp);
  }
  if (body != "7BIT") out->attribute("encoding", "8bit");
}

/// What Postfix has no name for.
void add_schedule(const json::object& message, EnvelopeRecords* out) {
  for (const std::string_view name : {"tenant", "stream", "pool", "email_id"}) {
    out->attribute(name, text_of(message, name));
  }
  for (const std::string_view name : {"priority", "expires_at", "attempts", "next_attempt"}) {
    out->attribute(name, number_of(message, name));
  }
}

Error missing(const char* field) { return {.code = Code::kMalformed, .text = field}; }

class Printer {
 public:
  Printer(const PostcatOptions& options, std::string path)
      : options_(options), path_(std::move(path)) {}

  /// Before all records.
  void head() {
    if (!options_.envelope) return;
    begin_line();
    out_ += fmt::format("*** ENVELOPE RECORDS {} ***\n", path_);
  }

  void marker(Record type, std::string_view text) {
    if (begin(type, 0, options_.envelope)) out_ += fmt::format("*** {} {} ***\n", text, path_);
  }
  void envelope(const EnvelopeRecord& record) {
    if (!begin(record.type, record.data_bytes, options_.envelope)) return;
    out_ += record.shown;
    out_ += '\n';
  }
  void text(std::string_view line) {
    in_header_ = in_header_ && (is_field(line) ||
                                (!first_ && !line.empty() && (line[0] == ' ' || line[0] == '\t')));
    first_ = false;
    if (!begin(Record::kText, line.size(), in_header_ ? options_.header : options_.body)) return;
    if (options_.text_names) out_ += fmt::format("{}: ", record_name(Record::kText));
    out_ += line;
    out_ += '\n';
  }
  [[nodiscard]] std::string& out() noexcept { return out_; }

 private:
  void begin_line() {
    if (options_.file_names) out_ += fmt::format("{}: ", path_);
  }
  bool begin(Record type, size_t data_bytes, bool wanted) {
    const bool shown = wanted && offset_ >= options_.offset_min;
    if (shown) begin_line();
    if (shown && options_.offsets) out_ += fmt::format("{:>9} ", offset_);
    if (shown && options_.decimal_types) out_ += fmt::format("{:>3} ", static_cast<int>(type));
    offset_ += record_bytes(data_bytes);
    return shown;
  }

  const PostcatOptions& options_;
  const std::string path_;
  std::string out_;
  uint64_t offset_ = 0;
  bool in_header_ = true;
  bool first_ = true;
};

void print_content(std::string_view content, Printer* printer) {
  for (size_t start = 0; start < content.size();) {
    const size_t end = std::min(content.find('\n', start), content.size());
    std::string_view line = content.substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    printer->text(line);
    start = end + 1;
  }
}

}  // namespace

Result<std::string> postcat_text(std::string_view message, std::string_view content,
                                 const PostcatOptions& options) {
  json::error_code error;
  const json::value value = json::parse(json::string_view(message.data(), message.size()), error);
  if (error || !value.is_object()) return missing("JSON object");
  const json::object& object = value.as_object();
  for (const char* name : {"queue_name", "queue_id"}) {
    if (text_of(object, name).empty()) return missing(name);
  }
  for (const char* name : {"message_size", "arrival_time", "create_time"}) {
    if (!number_of(object, name)) return missing(name);
  }
  const json::value* recipients = object.if_contains("all_recipients");
  if (recipients == nullptr || !recipients->is_array()) return missing("all_recipients");

  EnvelopeRecords records;
  records.arrival(*number_of(object, "arrival_time"));
  records.created(*number_of(object, "create_time"));
  add_sender(object, &records);
  add_origin(object, &records);
  add_schedule(object, &records);
  for (const json::value& recipient : recipients->as_array()) {
    if (!recipient.is_object()) return missing("recipient's object");
    add_recipient(recipient.as_object(), &records);
  }
  constexpr size_t kSizeBytes = 95;  // six numbers of 15 places
  constexpr int64_t kUtf8 = 1;       // Postfix's flag for a message that asked for SMTPUTF8
  const json::value* utf8 = object.if_contains("smtputf8");
  const int64_t size = *number_of(object, "message_size");
  const uint64_t content_at = record_bytes(kSizeBytes) + records.bytes() + record_bytes(0);
  Printer printer(options,
                  fmt::format("{}/{}", text_of(object, "queue_name"), text_of(object, "queue_id")));
  printer.head();
  printer.envelope(
      {Record::kSize,
       fmt::format("{}: {:>15} {:>15} {:>15} {:>15} {:>15} {:>15}", record_name(Record::kSize),
                   size, content_at, recipients->as_array().size(), 0, size,
                   utf8 != nullptr && utf8->is_bool() && utf8->as_bool() ? kUtf8 : 0),
       kSizeBytes});
  for (const EnvelopeRecord& record : records.records()) printer.envelope(record);
  printer.marker(Record::kContent, "MESSAGE CONTENTS");
  print_content(content, &printer);
  printer.marker(Record::kExtracted, "HEADER EXTRACTED");
  printer.marker(Record::kEnd, "MESSAGE FILE END");
  return std::move(printer.out());
}

}  // namespace barid::tools
