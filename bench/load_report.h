// Reports of source and sink as text and JSON. Layer: bench, pure.
#pragma once

#include <string>
#include <string_view>

#include "bench/json_writer.h"
#include "bench/smtp_sink.h"
#include "bench/smtp_source.h"

namespace barid::bench {

void write_json(const SourceReport& report, std::string_view run, JsonWriter& json);
[[nodiscard]] std::string to_text(const SourceReport& report, std::string_view run);

void write_json(const SinkReport& report, JsonWriter& json);
[[nodiscard]] std::string to_text(const SinkReport& report);

}  // namespace barid::bench
