// When the certificates of a file end.
// Layer: core/crypto. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace barid::crypto {

/// The end (Unix time) of the certificate in `pem` that ends first; nullopt: there is none.
[[nodiscard]] std::optional<int64_t> first_certificate_end(std::string_view pem);

}  // namespace barid::crypto
