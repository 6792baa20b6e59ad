// The lmdb type: one unnamed database in one file.
#include <fmt/format.h>
#include <lmdb.h>

#include "core/lookup/index_formats.h"

namespace barid::lookup {
namespace {

/// An environment and its one transaction. Nobody writes to a file that is in use: a new one takes
/// its place, so LMDB's own locks and their file are not needed.
class Environment {
 public:
  Environment() {
    if (mdb_env_create(&env_) != 0) env_ = nullptr;
  }
  ~Environment() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
    if (env_ != nullptr) mdb_env_close(env_);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// `bytes`: how far the file may grow; 0 = it is only read.
  [[nodiscard]] int open(const std::string& path, size_t bytes) {
    if (env_ == nullptr) return ENOMEM;
    const unsigned int read_only = bytes == 0 ? MDB_RDONLY : 0;
    int error = bytes == 0 ? 0 : mdb_env_set_mapsize(env_, bytes);
    if (error == 0) {
      error = mdb_env_open(env_, path.c_str(), MDB_NOSUBDIR | MDB_NOLOCK | read_only, 0600);
    }
    if (error == 0) error = mdb_txn_begin(env_, nullptr, read_only, &txn_);
    if (error == 0) error = mdb_dbi_open(txn_, nullptr, 0, &dbi_);
    return error;
  }
  [[nodiscard]] int commit() {
    MDB_txn* const txn = txn_;
    txn_ = nullptr;
    return mdb_txn_commit(txn);
  }
  [[nodiscard]] MDB_txn* txn() const noexcept { return txn_; }
  [[nodiscard]] MDB_dbi dbi() const noexcept { return dbi_; }

 private:
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi dbi_ = 0;
};

std::string_view view(const MDB_val& item) {
  return {static_cast<const char*>(item.mv_data), item.mv_size};
}

MDB_val item_of(const std::string& text, bool with_nul) {
  return {text.size() + (with_nul ? 1 : 0), const_cast<char*>(text.c_str())};  // not written to
}

}  // namespace

std::string read_lmdb(const std::string& path, std::vector<IndexEntry>* out) {
  Environment env;
  if (const int error = env.open(path, 0); error != 0) return mdb_strerror(error);
  MDB_cursor* cursor = nullptr;
  if (const int error = mdb_cursor_open(env.txn(), env.dbi(), &cursor); error != 0) {
    return mdb_strerror(error);
  }
  size_t bytes = 0;
  std::string problem;
  for (;;) {
    MDB_val key{};
    MDB_val value{};
    const int error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (error == MDB_NOTFOUND) break;
    if (error != 0) problem = mdb_strerror(error);
    if (error == 0 && !add_stored(view(key), view(value), &bytes, out)) problem = kTooMuch;
    if (!problem.empty()) break;
  }
  mdb_cursor_close(cursor);
  return problem;
}

std::string write_lmdb(const std::string& path, std::span<const IndexEntry> entries,
                       bool with_nul) {
  // Pages are half full at worst; a value beyond a page has its own. The file takes what is used.
  size_t bytes = size_t{16} << 20;
  for (const IndexEntry& entry : entries) {
    bytes += 4 * (entry.key.size() + entry.value.size()) + 128;
    if (entry.value.size() > 1024) bytes += 8192;
  }
  Environment env;
  if (const int error = env.open(path, bytes); error != 0) return mdb_strerror(error);
  for (const IndexEntry& entry : entries) {
    MDB_val key = item_of(entry.key, with_nul);
    MDB_val value = item_of(entry.value, with_nul);
    const int error = mdb_put(env.txn(), env.dbi(), &key, &value, 0);
    if (error == MDB_BAD_VALSIZE) {
      return fmt::format("the key \"{}…\" is longer than this type can hold",
                         entry.key.substr(0, 40));
    }
    if (error != 0) return mdb_strerror(error);
  }
  const int error = env.commit();
  return error == 0 ? std::string() : mdb_strerror(error);
}

}  // namespace barid::lookup
