#include "core/lookup/index_file.h"

#include <absl/container/flat_hash_map.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/lookup/index_formats.h"
#include "core/lookup/split.h"
#include "core/lookup/table_internal.h"

namespace barid::lookup {
namespace {

struct TypeName {
  std::string_view name;
  IndexType type;
  std::string_view suffix;
};
constexpr std::array kTypeNames = {
    TypeName{"btree", IndexType::kBtree, ".db"},
    TypeName{"cdb", IndexType::kCdb, ".cdb"},
    TypeName{"hash", IndexType::kHash, ".db"},
    TypeName{"lmdb", IndexType::kLmdb, ".lmdb"},
};

std::string_view without_nul(std::string_view text) {
  return text.ends_with('\0') ? text.substr(0, text.size() - 1) : text;
}

std::string reason_of(int error_number) { return std::generic_category().message(error_number); }

std::string fill(IndexType type, const std::string& path, std::span<const IndexEntry> entries,
                 bool with_nul) {
  switch (type) {
    case IndexType::kBtree:
    case IndexType::kHash:
      return write_bdb(path, type == IndexType::kHash, entries, with_nul);
    case IndexType::kCdb:
      return write_cdb(path, entries, with_nul);
    case IndexType::kLmdb:
      return write_lmdb(path, entries, with_nul);
  }
  return "no such type";
}

/// Owner, permissions, and on the disk. Empty = done.
std::string finish_file(const std::string& path, const IndexWish& wish) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return reason_of(errno);
  const bool owned = wish.user == UINT32_MAX || ::fchown(fd, wish.user, wish.group) == 0;
  const bool good = owned && ::fchmod(fd, wish.mode & 0777) == 0 && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  return good ? std::string() : reason_of(error);
}

/// The new name is on the disk too. A directory that cannot be synced is no reason to fail.
void sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::fsync(fd);
  ::close(fd);
}

class IndexTable final : public Table {
 public:
  IndexTable(std::string name, std::vector<IndexEntry> entries)
      : Table(std::move(name), KeyStyle::kFixed), entries_(std::move(entries)) {
    map_.reserve(entries_.size());
    for (const IndexEntry& entry : entries_) map_.try_emplace(entry.key, &entry.value);
  }

  LookupResult find(std::string_view key) const override {
    const FoldedKey folded(key);
    const auto it = map_.find(folded.view());
    return it == map_.end() ? LookupResult::not_found() : LookupResult::found(*it->second);
  }
  bool for_each_entry(Visitor visit) const override {
    for (const IndexEntry& entry : entries_) visit(entry.key, entry.value);
    return true;
  }

 private:
  struct Hash {
    size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  const std::vector<IndexEntry> entries_;
  absl::flat_hash_map<std::string_view, const std::string*, Hash, std::equal_to<>> map_;
};

}  // namespace

bool add_stored(std::string_view key, std::string_view value, size_t* bytes,
                std::vector<IndexEntry>* out) {
  *bytes += key.size() + value.size();
  if (*bytes > kIndexBytesMax) return false;
  out->push_back({std::string(without_nul(key)), std::string(without_nul(value))});
  return true;
}

std::optional<IndexType> find_index_type(std::string_view name) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

std::string index_path(IndexType type, std::string_view name) {
  return std::string(name).append(kTypeNames[static_cast<size_t>(type)].suffix);
}

IndexContent read_index(IndexType type, const std::string& path) {
  IndexContent content;
  std::string problem;
  if (::access(path.c_str(), R_OK) != 0) {
    problem = reason_of(errno);
  } else if (type == IndexType::kCdb) {
    problem = read_cdb(path, &content.entries);
  } else if (type == IndexType::kLmdb) {
    problem = read_lmdb(path, &content.entries);
  } else {
    problem = read_bdb(path, type == IndexType::kHash, &content.entries);
  }
  if (!problem.empty()) content.error = fmt::format("open {}: {}", path, problem);
  return content;
}

std::string write_index(IndexType type, const std::string& path,
                        std::span<const IndexEntry> entries, const IndexWish& wish) {
  std::string made = path + ".XXXXXX";
  const int fd = ::mkostemp(made.data(), O_CLOEXEC);
  if (fd < 0) return fmt::format("create {}: {}", path, reason_of(errno));
  ::close(fd);
  std::string problem = fill(type, made, entries, wish.with_nul);
  if (problem.empty()) problem = finish_file(made, wish);
  if (problem.empty() && ::rename(made.c_str(), path.c_str()) != 0) problem = reason_of(errno);
  if (problem.empty()) {
    sync_directory_of(path);
    return {};
  }
  ::unlink(made.c_str());
  return fmt::format("write {}: {}", path, problem);
}

std::unique_ptr<Table> open_index_table(std::string_view spec, std::string_view name,
                                        const OpenContext& context) {
  const std::optional<IndexType> type = find_index_type(spec.substr(0, spec.find(':')));
  const std::string path = index_path(*type, name);
  // The reader decides whether there are files at all, and who watches them learns of this one.
  const Result<std::string> readable = context.read_file(path);
  if (!readable.ok()) return unavailable_table(spec, open_failure(path, readable.error()), context);
  IndexContent content = read_index(*type, path);
  if (!content.error.empty()) return unavailable_table(spec, content.error, context);
  return std::make_unique<IndexTable>(std::string(spec), std::move(content.entries));
}

}  // namespace barid::lookup
