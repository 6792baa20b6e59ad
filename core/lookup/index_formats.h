// One reader and one writer for each format of indexed files. Private to core/lookup.
// Layer: core/lookup. Blocks.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/lookup/index_file.h"

namespace barid::lookup {

/// Adds an entry as it stands in a file. False: there is too much of it.
[[nodiscard]] bool add_stored(std::string_view key, std::string_view value, size_t* bytes,
                              std::vector<IndexEntry>* out);

/// What all readers say of a table beyond kIndexBytesMax.
inline constexpr std::string_view kTooMuch = "more than 1 GiB of keys and values";

// The readers return why they failed, or an empty text. The writers fill an empty file.
[[nodiscard]] std::string read_bdb(const std::string& path, bool is_hash,
                                   std::vector<IndexEntry>* out);
[[nodiscard]] std::string write_bdb(const std::string& path, bool is_hash,
                                    std::span<const IndexEntry> entries, bool with_nul);
[[nodiscard]] std::string read_lmdb(const std::string& path, std::vector<IndexEntry>* out);
[[nodiscard]] std::string write_lmdb(const std::string& path, std::span<const IndexEntry> entries,
                                     bool with_nul);
[[nodiscard]] std::string read_cdb(const std::string& path, std::vector<IndexEntry>* out);
[[nodiscard]] std::string write_cdb(const std::string& path, std::span<const IndexEntry> entries,
                                    bool with_nul);

}  // namespace barid::lookup
