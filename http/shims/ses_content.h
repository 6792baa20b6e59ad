// What SendEmail and SendBulkEmail have in common: addresses, texts, headers, files, tags.
// Source: docs.aws.amazon.com/ses, API v2, data types.
// Layer:  http, pure.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "http/shims/foreign_reader.h"

namespace barid::http {

inline constexpr std::string_view kSesConfigurationSet = "ConfigurationSetName";

/// What there is in both calls but not here.
inline constexpr std::array<ForeignReader::Absent, 6> kSesAbsent = {{
    {"FromEmailAddressIdentityArn", "there are no ARNs here: each key has its From domains"},
    {"FeedbackForwardingEmailAddress", "is not supported: bounces are events and webhooks"},
    {"FeedbackForwardingEmailAddressIdentityArn", "is not supported: bounces are events"},
    {"EndpointId", "there are no multi-region endpoints here"},
    {"TenantName", "the tenant is that of the access key"},
    {"ListManagementOptions", "contact lists are not kept here: send a List-Unsubscribe header"},
}};
inline constexpr std::array<ForeignReader::Absent, 2> kSesTemplateAbsent = {{
    {"TemplateName", "templates are not kept here: send TemplateContent"},
    {"TemplateArn", "templates are not kept here: send TemplateContent"},
}};

/// Their name for the field `param` of ours, below `content`: `Content.Simple.` or the like.
[[nodiscard]] std::string ses_field(std::string_view param, std::string_view content,
                                    std::string_view entry);
/// JSON text of `tags`; empty if there are none.
[[nodiscard]] std::string tags_text(const JsonValue& tags);

/// Reads members of one request. Each `path` is of the object that has the member, with a dot at
/// its end, or empty; problems stay in `reader`.
class SesContent {
 public:
  explicit SesContent(ForeignReader& reader) : reader_(reader) {}

  /// {"ToAddresses","CcAddresses","BccAddresses"} into `email`; true if there is any address.
  bool read_destination(JsonValue& object, std::string_view path, JsonValue* email);
  /// A list of addresses as `ours` of `email`.
  void read_addresses(JsonValue& object, std::string_view path, std::string_view name,
                      std::string_view ours, JsonValue* email);
  /// {"Data","Charset"}; null if it is absent.
  [[nodiscard]] JsonValue read_text(JsonValue& object, std::string_view path,
                                    std::string_view name);
  /// [{"Name","Value"}] as an object; null if it is absent.
  [[nodiscard]] JsonValue read_headers(JsonValue& object, std::string_view path,
                                       std::string_view name);
  /// Attachments as `attachments`; null if there are none.
  [[nodiscard]] JsonValue read_files(JsonValue& object, std::string_view path);
  /// [{"Name","Value"}] as `tags`; null if it is absent.
  [[nodiscard]] JsonValue read_tags(JsonValue& object, std::string_view path,
                                    std::string_view name);

 private:
  [[nodiscard]] JsonValue read_file(JsonValue& theirs, const std::string& path);
  ForeignReader& reader_;
};

}  // namespace barid::http
