// Berkeley DB: the hash and btree types.
#include <db.h>

#include <cstdint>

#include "core/lookup/index_formats.h"

namespace barid::lookup {
namespace {

/// A database handle that says nothing on standard error, and closes itself.
class Database {
 public:
  Database() {
    if (db_create(&db_, nullptr, 0) != 0) db_ = nullptr;
    if (db_ != nullptr) db_->set_errcall(db_, nullptr);
    if (db_ != nullptr) db_->set_errfile(db_, nullptr);
  }
  ~Database() {
    if (db_ != nullptr) db_->close(db_, 0);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] int open(const std::string& path, bool is_hash, uint32_t flags) {
    if (db_ == nullptr) return ENOMEM;
    return db_->open(db_, nullptr, path.c_str(), nullptr, is_hash ? DB_HASH : DB_BTREE, flags,
                     0600);
  }
  [[nodiscard]] int close() {
    DB* const db = db_;
    db_ = nullptr;
    return db->close(db, 0);
  }
  DB* operator->() const noexcept { return db_; }
  [[nodiscard]] DB* get() const noexcept { return db_; }

 private:
  DB* db_ = nullptr;
};

std::string_view view(const DBT& item) { return {static_cast<const char*>(item.data), item.size}; }

DBT item_of(const std::string& text, bool with_nul) {
  DBT item{};
  item.data = const_cast<char*>(text.c_str());  // the library does not write to it
  item.size = static_cast<uint32_t>(text.size() + (with_nul ? 1 : 0));
  return item;
}

}  // namespace

std::string read_bdb(const std::string& path, bool is_hash, std::vector<IndexEntry>* out) {
  Database db;
  if (const int error = db.open(path, is_hash, DB_RDONLY); error != 0) {
    return error == EINVAL ? "it is no such database" : db_strerror(error);
  }
  DBC* cursor = nullptr;
  if (const int error = db->cursor(db.get(), nullptr, &cursor, 0); error != 0) {
    return db_strerror(error);
  }
  size_t bytes = 0;
  std::string problem;
  for (;;) {
    DBT key{};
    DBT value{};
    const int error = cursor->get(cursor, &key, &value, DB_NEXT);
    if (error == DB_NOTFOUND) break;
    if (error != 0) problem = db_strerror(error);
    if (error == 0 && !add_stored(view(key), view(value), &bytes, out)) problem = kTooMuch;
    if (!problem.empty()) break;
  }
  cursor->close(cursor);
  return problem;
}

std::string write_bdb(const std::string& path, bool is_hash, std::span<const IndexEntry> entries,
                      bool with_nul) {
  Database db;
  if (const int error = db.open(path, is_hash, DB_CREATE | DB_TRUNCATE); error != 0) {
    return db_strerror(error);
  }
  for (const IndexEntry& entry : entries) {
    DBT key = item_of(entry.key, with_nul);
    DBT value = item_of(entry.value, with_nul);
    const int error = db->put(db.get(), nullptr, &key, &value, 0);
    if (error != 0) return db_strerror(error);
  }
  const int error = db.close();
  return error == 0 ? std::string() : db_strerror(error);
}

}  // namespace barid::lookup
