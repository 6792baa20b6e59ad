#include "http/submit/mime_parts.h"

#include <gmime/gmime.h>

#include <memory>
#include <mutex>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

struct Unref {
  void operator()(void* object) const noexcept { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

void set_up_once() {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
}

std::string type_of(GMimeObject* object) {
  GMimeContentType* type = g_mime_object_get_content_type(object);
  std::string name;
  if (type == nullptr) return name;
  const char* media = g_mime_content_type_get_media_type(type);
  const char* sub = g_mime_content_type_get_media_subtype(type);
  text::append_lower(name, media != nullptr ? media : "");
  name += '/';
  text::append_lower(name, sub != nullptr ? sub : "");
  return name;
}

/// What a stream in memory holds, up to the bound.
std::string bytes_of(GMimeStream* stream) {
  const GByteArray* array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
  const size_t size = std::min<size_t>(array->len, kMimePartBytesMax);
  return {reinterpret_cast<const char*>(array->data), size};
}

std::string content_of(GMimePart* part) {
  if (GMIME_IS_TEXT_PART(part)) {
    char* text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));  // in UTF-8
    std::string out;
    for (const char* at = text; at != nullptr && *at != '\0'; ++at) {
      if (at[0] != '\r' || at[1] != '\n') out += *at;
    }
    g_free(text);
    if (out.size() > kMimePartBytesMax) out.resize(kMimePartBytesMax);
    return out;
  }
  GMimeDataWrapper* content = g_mime_part_get_content(part);
  if (content == nullptr) return {};
  const Owned<GMimeStream> stream(g_mime_stream_mem_new());
  g_mime_data_wrapper_write_to_stream(content, stream.get());
  return bytes_of(stream.get());
}

Owned<GMimeMessage> parse(std::string_view message) {
  set_up_once();
  const Owned<GMimeStream> stream(
      g_mime_stream_mem_new_with_buffer(message.data(), message.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  return Owned<GMimeMessage>(g_mime_parser_construct_message(parser.get(), nullptr));
}

class Walker {
 public:
  explicit Walker(std::vector<MimePart>* parts) : parts_(*parts) {}

  void walk(GMimeObject* object, size_t depth) {
    if (object == nullptr || parts_.size() >= kMimePartsMax || depth > kMimeDepthMax) return;
    if (GMIME_IS_MULTIPART(object)) {
      GMimeMultipart* multipart = GMIME_MULTIPART(object);
      const int count = g_mime_multipart_get_count(multipart);
      for (int i = 0; i < count; ++i) walk(g_mime_multipart_get_part(multipart, i), depth + 1);
      return;
    }
    MimePart part{.type = type_of(object), .attached = is_attached(object)};
    const char* id = g_mime_object_get_content_id(object);
    if (id != nullptr) part.content_id = std::string(id).substr(0, kMimeFieldBytesMax);
    const char* name =
        GMIME_IS_PART(object) ? g_mime_part_get_filename(GMIME_PART(object)) : nullptr;
    if (name != nullptr) part.filename = std::string(name).substr(0, kMimeFieldBytesMax);
    if (GMIME_IS_MESSAGE_PART(object)) {
      GMimeMessage* message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
      if (message != nullptr) {
        char* header = g_mime_object_get_headers(GMIME_OBJECT(message), nullptr);
        part.content = std::string(header).substr(0, kMimePartBytesMax);
        g_free(header);
      }
    } else if (GMIME_IS_PART(object)) {
      part.content = content_of(GMIME_PART(object));
    }
    parts_.push_back(std::move(part));
  }

 private:
  static bool is_attached(GMimeObject* object) {
    const char* disposition = g_mime_object_get_disposition(object);
    return disposition != nullptr && text::equals_ignore_case(disposition, "attachment");
  }
  std::vector<MimePart>& parts_;
};

}  // namespace

std::vector<MimeField> read_mime_fields(std::string_view message) {
  std::vector<MimeField> fields;
  const Owned<GMimeMessage> parsed = parse(message);
  if (!parsed) return fields;
  GMimeHeaderList* list = g_mime_object_get_header_list(GMIME_OBJECT(parsed.get()));
  const int count = g_mime_header_list_get_count(list);
  for (int i = 0; i < count && fields.size() < kMimeFieldsMax; ++i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(list, i);
    const char* value = g_mime_header_get_value(header);
    fields.push_back(
        {.name = std::string(g_mime_header_get_name(header)).substr(0, 998),
         .value = std::string(value != nullptr ? value : "").substr(0, kMimeFieldBytesMax)});
  }
  return fields;
}

std::vector<MimePart> read_mime_parts(std::string_view message) {
  std::vector<MimePart> parts;
  const Owned<GMimeMessage> parsed = parse(message);
  if (parsed) Walker(&parts).walk(g_mime_message_get_mime_part(parsed.get()), 0);
  return parts;
}

}  // namespace barid::http
