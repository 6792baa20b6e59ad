// Tables as files that postmap and postalias build: hash and btree (Berkeley DB), lmdb, cdb. They
// are read whole and written whole: a table is a snapshot in memory, and a new file takes the old
// one's place in one step. Keys and values end in a NUL there, as those that Postfix writes do.
// Layer: core/lookup. Blocks; used while loading and by commands, never on a shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/table.h"

namespace barid::lookup {

enum class IndexType : uint8_t { kBtree, kCdb, kHash, kLmdb };

struct IndexEntry {
  std::string key;  ///< without the NUL
  std::string value;
};

[[nodiscard]] std::optional<IndexType> find_index_type(std::string_view name);

/// Where the table `name` of this type is: `name` with .db, .lmdb or .cdb.
[[nodiscard]] std::string index_path(IndexType type, std::string_view name);

/// More than this, keys and values together, is no table of a mail server.
inline constexpr size_t kIndexBytesMax = size_t{1} << 30;

struct IndexContent {
  std::vector<IndexEntry> entries;  ///< in the order of the file
  std::string error;                ///< not empty: what is wrong, with the path
};
[[nodiscard]] IndexContent read_index(IndexType type, const std::string& path);

struct IndexWish {
  bool with_nul = true;
  uint32_t mode = 0644;                            ///< permissions of the new file
  uint32_t user = UINT32_MAX, group = UINT32_MAX;  ///< its owner; UINT32_MAX = who runs
};
/// Replaces the file at `path`, synced. Empty = done, else what is wrong, with the path; the old
/// file is still there then. Keys must differ.
[[nodiscard]] std::string write_index(IndexType type, const std::string& path,
                                      std::span<const IndexEntry> entries, const IndexWish& wish);

/// `hash:/file` and its kind, as a table in memory.
[[nodiscard]] std::unique_ptr<Table> open_index_table(std::string_view spec, std::string_view name,
                                                      const OpenContext& context);

}  // namespace barid::lookup
