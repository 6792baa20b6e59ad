#include "deliver/tls_report_mail.h"

#include <fmt/format.h>
#include <zlib.h>

#include "core/text/base64.h"
#include "core/text/date.h"
#include "core/text/utf8.h"

namespace barid {
namespace {

constexpr size_t kBase64LineBytes = 76;
constexpr int kGzipWindowBits = 15 + 16;  // zlib's way to say gzip

void append_wrapped_base64(std::string& out, std::string_view bytes) {
  std::string encoded;
  text::append_base64(encoded, bytes);
  for (size_t at = 0; at < encoded.size(); at += kBase64LineBytes) {
    out.append(encoded, at, kBase64LineBytes);
    out += "\r\n";
  }
}

std::string explanation(const TlsReport& report, const TlsReportMail& mail) {
  uint64_t successes = 0;
  uint64_t failures = 0;
  for (const TlsPolicyCounts& counts : report.policies) {
    successes += counts.successes;
    failures += counts.failures;
  }
  return fmt::format(
      "This is an aggregate TLS report from {} about mail for {}.\r\n\r\n"
      "From {} until {}, {} sessions succeeded and {} failed.\r\n",
      mail.submitter, mail.domain, internet_time(report.begin), internet_time(report.end),
      successes, failures);
}

}  // namespace

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int end = deflate(&stream, Z_FINISH);
  packed.resize(end == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  return packed;
}

std::string tls_report_mail(const TlsReport& report, const TlsReportMail& mail) {
  std::string date;
  text::append_date(date, unix_seconds(mail.now));
  // A base64 line and our own words never begin with two hyphens.
  const std::string boundary = fmt::format("=_tlsrpt.{}", unix_micros(report.begin));
  const std::string file = fmt::format("{}!{}!{}!{}.json.gz", mail.submitter, mail.domain,
                                       unix_seconds(report.begin), unix_seconds(report.end) - 1);
  std::string from;
  text::append_printable_ascii(from, mail.from);
  std::string out = fmt::format(
      "From: <{0}>\r\nTo: <{1}>\r\nDate: {2}\r\nMessage-ID: <{3}>\r\n"
      "Subject: Report Domain: {4}\r\n Submitter: {5}\r\n Report-ID: <{3}>\r\n"
      "TLS-Report-Domain: {4}\r\nTLS-Report-Submitter: {5}\r\n"
      "Auto-Submitted: auto-generated\r\nTLS-Required: No\r\nMIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"{6}\"\r\n\r\n",
      from, mail.to, date, report.id, mail.domain, mail.submitter, boundary);
  out += fmt::format("--{}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", boundary);
  out += explanation(report, mail);
  out += fmt::format(
      "\r\n--{}\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n"
      "Content-Disposition: attachment;\r\n filename=\"{}\"\r\n\r\n",
      boundary, file);
  append_wrapped_base64(out, mail.packed);
  out += fmt::format("\r\n--{}--\r\n", boundary);
  return out;
}

}  // namespace barid
