#include "http/feedback/report.h"

#include <algorithm>
#include <charconv>

#include "core/text/ascii.h"
#include "http/submit/email_id.h"

namespace barid::http {
namespace {

constexpr size_t kEmailIdBytes = 36;
constexpr size_t kDiagnosticBytesMax = 1000;

struct FieldLine {
  std::string name;  ///< lower case
  std::string value;
};
using Block = std::vector<FieldLine>;

std::string lower(std::string_view text) {
  std::string out;
  text::append_lower(out, text);
  return out;
}

/// Header-like blocks, apart from each other by empty lines; folded lines are joined.
std::vector<Block> read_blocks(std::string_view text) {
  std::vector<Block> blocks(1);
  while (!text.empty()) {
    const size_t feed = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, feed);
    text.remove_prefix(std::min(feed + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (text::trim(line).empty()) {
      if (!blocks.back().empty() && blocks.size() <= kReportRecipientsMax) blocks.emplace_back();
      continue;
    }
    const bool folded = line.front() == ' ' || line.front() == '\t';
    if (folded && !blocks.back().empty()) {
      blocks.back().back().value += ' ';
      blocks.back().back().value += text::trim(line);
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    blocks.back().push_back({.name = lower(text::trim(line.substr(0, colon))),
                             .value = std::string(text::trim(line.substr(colon + 1)))});
  }
  return blocks;
}

std::string_view value_of(const Block& block, std::string_view name) noexcept {
  for (const FieldLine& field : block) {
    if (field.name == name) return field.value;
  }
  return {};
}

/// "rfc822; user@example.net" or "<user@example.net>" as an address, or empty.
std::string address_of(std::string_view value) {
  const size_t semicolon = value.find(';');
  if (semicolon != std::string_view::npos) value.remove_prefix(semicolon + 1);
  value = text::trim(value);
  if (value.starts_with('<') && value.ends_with('>')) value = value.substr(1, value.size() - 2);
  return value.find('@') == std::string_view::npos ? std::string() : lower(value);
}

DsnCode status_of(std::string_view text) noexcept {
  DsnCode code;
  unsigned parts[3] = {};
  for (size_t i = 0; i < 3; ++i) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), parts[i]);
    if (parsed.ec != std::errc() || parts[i] > 999) return code;
    text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
    if (i < 2 && !text.starts_with('.')) return code;
    if (i < 2) text.remove_prefix(1);
  }
  if (parts[0] > 5) return code;
  code.klass = static_cast<uint8_t>(parts[0]);
  code.subject = static_cast<uint16_t>(parts[1]);
  code.detail = static_cast<uint16_t>(parts[2]);
  return code;
}

/// A report of a delay, a delivery or a relay is none of a bounce (RFC 3464 2.3.3).
void read_status(std::string_view text, Report* report) {
  for (const Block& block : read_blocks(text)) {
    std::string_view action = value_of(block, "action");
    if (!text::equals_ignore_case(text::take_word(action), "failed")) continue;
    report->kind = Report::Kind::kBounce;
    std::string address = address_of(value_of(block, "original-recipient"));
    if (address.empty()) address = address_of(value_of(block, "final-recipient"));
    std::string_view diagnostic = value_of(block, "diagnostic-code");
    const size_t semicolon = diagnostic.find(';');
    if (semicolon != std::string_view::npos) diagnostic.remove_prefix(semicolon + 1);
    if (address.empty() || report->recipients.size() >= kReportRecipientsMax) continue;
    report->recipients.push_back(
        {.address = std::move(address),
         .status = status_of(value_of(block, "status")),
         .diagnostic = std::string(text::trim(diagnostic).substr(0, kDiagnosticBytesMax))});
  }
}

/// RFC 6430: somebody took it out of the spam folder. RFC 6591: a domain's policy failed. Neither
/// is a recipient's complaint.
bool is_complaint(std::string_view feedback_type) noexcept {
  return feedback_type != "not-spam" && feedback_type != "auth-failure";
}

void read_feedback(std::string_view text, Report* report) {
  for (const Block& block : read_blocks(text)) {
    for (const FieldLine& field : block) {
      if (field.name == "feedback-type") report->feedback_type = lower(field.value).substr(0, 32);
      if (field.name == "original-mail-from") report->return_path = address_of(field.value);
      if (field.name != "original-rcpt-to" && field.name != "removal-recipient") continue;
      std::string address = address_of(field.value);
      const bool known = std::any_of(
          report->recipients.begin(), report->recipients.end(),
          [&](const Report::Recipient& recipient) { return recipient.address == address; });
      if (address.empty() || known || report->recipients.size() >= kReportRecipientsMax) continue;
      report->recipients.push_back({.address = std::move(address), .status = {}, .diagnostic = {}});
    }
  }
  if (is_complaint(report->feedback_type)) report->kind = Report::Kind::kComplaint;
}

/// Our Message-IDs begin with the email's id.
std::string email_id_of(std::string_view message_id) {
  if (!message_id.starts_with('<') || message_id.size() < kEmailIdBytes + 2) return {};
  const std::string_view id = message_id.substr(1, kEmailIdBytes);
  return parse_email_id(id) ? std::string(id) : std::string();
}

/// A message with a Message-ID of its sender's says the email's id beside that.
std::string email_id_in(std::string_view header) {
  const std::vector<Block> blocks = read_blocks(header);
  const std::string_view traced = value_of(blocks.front(), lower(kTraceField));
  if (parse_email_id(traced)) return std::string(traced);
  return email_id_of(value_of(blocks.front(), "message-id"));
}

}  // namespace

Report read_report(const std::vector<MimePart>& parts) {
  Report report;
  for (const MimePart& part : parts) {
    if (part.type == "message/delivery-status" || part.type == "message/global-delivery-status") {
      read_status(part.content, &report);
    } else if (part.type == "message/feedback-report") {
      read_feedback(part.content, &report);
    } else if (part.type == "message/rfc822" || part.type == "text/rfc822-headers" ||
               part.type == "message/global" || part.type == "message/global-headers") {
      if (report.email_id.empty()) report.email_id = email_id_in(part.content);
    }
  }
  return report;
}

std::string answered_email(const std::vector<MimeField>& fields) {
  for (const MimeField& field : fields) {
    if (!text::equals_ignore_case(field.name, "In-Reply-To") &&
        !text::equals_ignore_case(field.name, "References")) {
      continue;
    }
    std::string_view ids = field.value;
    for (std::string_view id = text::take_word(ids); !id.empty(); id = text::take_word(ids)) {
      std::string email_id = email_id_of(id);
      if (!email_id.empty()) return email_id;
    }
  }
  return {};
}

std::optional<std::string> verp_recipient(std::string_view address, std::string_view base) {
  const size_t at = address.rfind('@');
  const size_t base_at = base.rfind('@');
  if (at == std::string_view::npos || base_at == std::string_view::npos) return std::nullopt;
  if (!text::equals_ignore_case(address.substr(at), base.substr(base_at))) return std::nullopt;
  const std::string_view local = address.substr(0, at);
  if (local.size() <= base_at + 1 ||
      !text::equals_ignore_case(local.substr(0, base_at), base.substr(0, base_at)) ||
      local[base_at] != '+') {
    return std::nullopt;
  }
  std::string recipient = lower(local.substr(base_at + 1));
  const size_t equals = recipient.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == recipient.size()) {
    return std::nullopt;
  }
  recipient[equals] = '@';
  return recipient;
}

}  // namespace barid::http
