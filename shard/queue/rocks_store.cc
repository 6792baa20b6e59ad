#include "shard/queue/rocks_store.h"

#include <pthread.h>
#include <rocksdb/advanced_options.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <semaphore.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/assert.h"
#include "shard/queue/fast_crc32c.h"
#include "shard/queue/flush_pace.h"
#include "shard/queue/info_log.h"
#include "shard/queue/log_file_system.h"
#include "shard/queue/mapped_file.h"

namespace barid::queue {
namespace {

constexpr uint64_t kMemtableBytesMin = 2u << 20;
constexpr size_t kSpareLogsMax = 3;
constexpr uint64_t kReclaimChanges = 1000;    // erasures and puts between two reclaims
constexpr uint64_t kOpenBytesMin = 4u << 20;  // free space that opening may need
// Ends every group: what is erased before a flush leaves no trace in a file, its sequence number
// included, and without this key the database would seem to end before the acknowledged mark.
constexpr const char* kLastGroupKey = "last_group";
// A batch's buffer above this is given back when a group has used less than a quarter of it: under
// load each group would fill fresh pages otherwise, and copy itself each time it doubles.
constexpr size_t kBatchKeepBytes = 1u << 20;
constexpr uint64_t kInfoLogBytesMax = 1u << 20;
constexpr std::array<const char*, kFamilyCount> kFamilyNames = {
    "default", "fresh", "queued",      "schedule", "content",  "corrupt",
    "emails",  "fates", "idempotency", "events",   "webhooks", "suppressions"};

/// For a database that is only read: where its LOG belongs nothing is to be written.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

Error to_error(const rocksdb::Status& status) noexcept {
  if (status.IsNotFound()) return Error{.code = Code::kNotFound};
  if (status.IsNoSpace()) return Error{.code = Code::kNoSpace};
  if (status.IsCorruption()) return Error{.code = Code::kCorrupt};
  if (status.IsIOError()) return Error{.code = Code::kIo};
  return Error{.code = Code::kUnavailable};
}

rocksdb::ColumnFamilyOptions family_options(Family family, const RocksStoreOptions& options) {
  rocksdb::ColumnFamilyOptions cf;
  const bool is_content = family == Family::kContent;
  cf.write_buffer_size = is_content ? options.content_buffer_bytes : options.other_buffer_bytes;
  cf.max_write_buffer_number = 4;
  cf.arena_block_size = 1u << 20;
  cf.compression =
      rocksdb::kNoCompression;  // costs a third of the rate on this path (docs/limits.md)
  cf.level0_file_num_compaction_trigger = 8;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 16 * 1024;
  table.cache_index_and_filter_blocks = true;
  cf.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (is_content) {
    cf.enable_blob_files = true;  // what outlives the memtable is written once more, then stays
    cf.min_blob_size = 512;
    cf.blob_file_size = 256u << 20;
    cf.enable_blob_garbage_collection = true;
    cf.blob_garbage_collection_age_cutoff = 0.5;
  }
  return cf;
}

/// Of all logs of a database: beyond it the oldest is made superfluous by a flush.
uint64_t log_bytes_max(const RocksStoreOptions& options) noexcept {
  return 2 * options.content_buffer_bytes + options.other_buffer_bytes;
}

rocksdb::DBOptions database_options(const RocksStoreOptions& options, rocksdb::Env* env) {
  rocksdb::DBOptions db;
  db.env = env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  db.use_fsync = false;  // fdatasync
  // A flushed message is not read again soon: past the page cache it is copied once less.
  db.use_direct_io_for_flush_and_compaction = true;
  db.atomic_flush = true;  // families flush together, so a WAL file is free as soon as they have
  db.max_background_jobs = 2;
  db.max_open_files = 256;
  if (options.read_only) {
    db.create_if_missing = db.create_missing_column_families = false;
    db.info_log = std::make_shared<NoLog>();
  } else {
    db.info_log = std::make_shared<InfoLog>(options.directory, kInfoLogBytesMax);
  }
  db.allow_concurrent_memtable_write = false;  // one writer: the commit thread
  db.enable_pipelined_write = false;
  db.avoid_flush_during_recovery = true;  // opening must not need the space that ran out
  db.avoid_flush_during_shutdown = true;  // the WAL has it all
  // Files are written out as they grow: all at once they would stand before the log's next syncs.
  db.bytes_per_sync = 512 * 1024;
  db.strict_bytes_per_sync = true;
  // One write at a time: a sync of the log waits for at most one of each flush.
  db.writable_file_max_buffer_size = 256 * 1024;
  auto flushes = std::make_shared<PacedFlushes>(kFamilyNames[static_cast<size_t>(Family::kContent)],
                                                log_bytes_max(options) / 2);
  db.rate_limiter = flushes;
  db.listeners.push_back(std::move(flushes));
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.max_total_wal_size = log_bytes_max(options);
  return db;
}

/// One opened database with its column families.
struct Database {
  std::unique_ptr<rocksdb::DB> db;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> families{};

  Database() = default;
  Database(Database&& other) noexcept
      : db(std::move(other.db)), families(std::exchange(other.families, {})) {}
  Database& operator=(Database&& other) noexcept {
    std::swap(db, other.db);
    std::swap(families, other.families);
    return *this;
  }
  ~Database() { close(); }

  rocksdb::Status close() {
    if (!db) return rocksdb::Status::OK();
    for (rocksdb::ColumnFamilyHandle*& handle : families) {
      if (handle != nullptr) db->DestroyColumnFamilyHandle(handle);
      handle = nullptr;
    }
    const rocksdb::Status status = db->Close();
    db.reset();
    return status;
  }
};

/// Puts its one waiter to sleep at once. std::atomic's wait, and the library's semaphore on top of
/// it, yield first: on a busy machine a thread that yields stands behind everybody for
/// milliseconds.
class Semaphore {
 public:
  Semaphore() { BARID_ASSERT(sem_init(&semaphore_, 0, 0) == 0); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() { sem_destroy(&semaphore_); }

  void post() noexcept { sem_post(&semaphore_); }  // takes no lock
  void wait() noexcept {
    while (sem_wait(&semaphore_) != 0) BARID_ASSERT(errno == EINTR);
  }

 private:
  sem_t semaphore_;
};

class RocksStoreImpl final : public RocksStore, private rt::Mailbox {
 public:
  explicit RocksStoreImpl(RocksStoreOptions options) : options_(std::move(options)) {}
  ~RocksStoreImpl() override { static_cast<void>(close()); }

  rocksdb::Status open();
  void init_batches() {
    open_batch_ = std::make_unique<rocksdb::WriteBatch>();
    flying_batch_ = std::make_unique<rocksdb::WriteBatch>();
    read_free_space();
  }

  void attach(rt::Reactor& reactor) override;
  Status close() override;
  void set_listener(Listener& listener) override { listener_ = &listener; }

  uint64_t open_group() const noexcept override { return open_group_; }
  size_t open_group_bytes() const noexcept override { return open_batch_->GetDataSize(); }
  bool writable() const noexcept override { return !failed_; }
  void put(Family family, std::string_view key, std::span<const std::string_view> value) override;
  void erase(Family family, std::string_view key) override {
    check(open_batch_->Delete(handle(family), slice(key)));
  }
  void erase_once(Family family, std::string_view key) override {
    check(open_batch_->SingleDelete(handle(family), slice(key)));
  }
  void seal() override;
  uint64_t free_bytes() const noexcept override {
    return free_bytes_.load(std::memory_order_relaxed);
  }

  Result<std::string> get(Family family, std::string_view key) const override;
  Status scan(Family family, std::string_view from, Visitor& visitor) const override;
  Status scan_back(Family family, std::string_view before, Visitor& visitor) const override;

 private:
  static rocksdb::Slice slice(std::string_view view) noexcept { return {view.data(), view.size()}; }
  static void check(const rocksdb::Status& status) { BARID_ASSERT(status.ok()); }
  rocksdb::ColumnFamilyHandle* handle(Family family) const noexcept {
    return database_.families[static_cast<size_t>(family)];
  }

  [[nodiscard]] uint64_t& acknowledged() const noexcept {
    return acknowledged_file_.words().front();
  }
  rocksdb::Status open_to_read();
  rocksdb::Status open_into(Database& database);
  void commit_loop();
  rocksdb::Status commit_one();
  bool reopen();
  void read_free_space() noexcept;
  void reclaim_if_tight();

  // Mailbox: completions, on the shard's thread.
  bool drain() override;
  bool has_mail() const noexcept override {
    return done_sequence_.load(std::memory_order_acquire) != done_seen_;
  }

  RocksStoreOptions options_;
  std::unique_ptr<rocksdb::Env> env_;
  /// One word: the sequence number of the last acknowledged write. After a power cut it may be
  /// older, never newer than what is on disk. RocksDB takes a damaged length field for a torn tail
  /// and forgets what follows; this number tells (ADR 0004).
  MappedFile acknowledged_file_;
  mutable std::shared_mutex database_mutex_;  // readers against reopening; never a shard's thread
  Database database_;

  // Shard's side.
  rt::Reactor* reactor_ = nullptr;
  Listener* listener_ = nullptr;
  std::unique_ptr<rocksdb::WriteBatch> open_batch_;
  uint64_t open_group_ = 1;
  uint64_t done_seen_ = 0;
  bool flying_ = false;
  bool failed_ = false;
  std::vector<rocksdb::Slice> parts_;

  // Hand-over. The shard writes flying_batch_ and flying_group_ before it posts work_; the thread
  // writes done_status_ before it bumps done_sequence_.
  std::unique_ptr<rocksdb::WriteBatch> flying_batch_;
  uint64_t flying_group_ = 0;
  Semaphore work_;
  std::atomic<uint64_t> done_sequence_{0};
  rocksdb::Status done_status_;
  std::atomic<bool> reopened_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> free_bytes_{0};
  uint64_t reserve_bytes_ = 0;  // of the disk, for flushes
  uint64_t reclaimed_at_ = 0;   // sequence number; the commit thread's
  std::thread thread_;
};

/// The logs are read into memory, as at a start, and stay as they are.
rocksdb::Status RocksStoreImpl::open_to_read() {
  env_ = rocksdb::NewCompositeEnv(std::make_shared<LogFileSystem>(
      options_.file_system ? options_.file_system : rocksdb::FileSystem::Default(),
      options_.directory, LogReuse{}));
  return open_into(database_);
}

rocksdb::Status RocksStoreImpl::open() {
  if (options_.read_only) return open_to_read();
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  if (error) return rocksdb::Status::IOError(options_.directory, error.message());
  const std::string acknowledged_path = options_.directory + "/ACKNOWLEDGED";
  Result<MappedFile> acknowledged_file = MappedFile::open(acknowledged_path, 1);
  if (!acknowledged_file.ok()) {
    return rocksdb::Status::IOError(acknowledged_path,
                                    std::strerror(acknowledged_file.error().error_number));
  }
  acknowledged_file_ = *std::move(acknowledged_file);
  struct statvfs disk {};
  if (statvfs(options_.directory.c_str(), &disk) != 0) {
    return rocksdb::Status::IOError(options_.directory, std::strerror(errno));
  }
  // RocksDB aborts where it cannot write its first log: say it in words instead.
  if (uint64_t{disk.f_bavail} * disk.f_frsize < kOpenBytesMin) {
    return rocksdb::Status::NoSpace(options_.directory, "no space left on the device");
  }
  // A small disk gets small memtables, and room to write them out is never given to mail: what was
  // acknowledged can always be flushed, also while the database is opened.
  const uint64_t disk_share = uint64_t{disk.f_blocks} * disk.f_frsize / 16;
  options_.content_buffer_bytes =
      std::clamp(disk_share, kMemtableBytesMin, options_.content_buffer_bytes);
  options_.other_buffer_bytes =
      std::min(options_.other_buffer_bytes, options_.content_buffer_bytes);
  reserve_bytes_ = 2 * options_.content_buffer_bytes;
  LogReuse reuse;
  if (disk_share > options_.content_buffer_bytes) {
    reuse = LogReuse{.spares_max = kSpareLogsMax,
                     .bytes_max = 2 * log_bytes_max(options_),
                     .ready_count = options_.ready_logs_count,
                     .ready_bytes = options_.content_buffer_bytes + options_.other_buffer_bytes};
  }
  auto file_system = std::make_shared<LogFileSystem>(
      options_.file_system ? options_.file_system : rocksdb::FileSystem::Default(),
      options_.directory, reuse);
  rocksdb::Status prepared = file_system->prepare();
  if (!prepared.ok()) return prepared;
  env_ = rocksdb::NewCompositeEnv(std::move(file_system));
  // The pool of flushing threads is the process's. RocksDB itself gives it one, however many
  // databases there are: they would wait for each other, and with them the mail.
  env_->IncBackgroundThreadsIfNeeded(options_.flush_threads_count, rocksdb::Env::HIGH);
  return open_into(database_);
}

rocksdb::Status RocksStoreImpl::open_into(Database& database) {
  // Every file depends on it; and naming it here links it in, for RocksDB to find.
  BARID_ASSERT(extend_crc32c(0, "123456789", 9) == 0xe3069283U);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    descriptors.emplace_back(kFamilyNames[i], family_options(static_cast<Family>(i), options_));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::DBOptions options = database_options(options_, env_.get());
  const std::string& path = options_.directory;
  const rocksdb::Status status =
      options_.read_only ? rocksdb::DB::OpenForReadOnly(options, path, descriptors, &handles, &db)
                         : rocksdb::DB::Open(options, path, descriptors, &handles, &db);
  if (!status.ok()) return status;
  database.db.reset(db);
  std::copy(handles.begin(), handles.end(), database.families.begin());
  if (!options_.read_only && db->GetLatestSequenceNumber() < acknowledged()) {
    return rocksdb::Status::Corruption(
        "the log ends before what was acknowledged: damaged, not torn");
  }
  return status;
}

void RocksStoreImpl::attach(rt::Reactor& reactor) {
  BARID_ASSERT(reactor_ == nullptr && listener_ != nullptr);
  reactor_ = &reactor;
  reactor.add_mailbox(*this);
  thread_ = std::thread([this] { commit_loop(); });
  static_cast<void>(::pthread_setname_np(thread_.native_handle(), "commit"));
}

Status RocksStoreImpl::close() {
  if (thread_.joinable()) {
    // Two rounds: what flies, and what was open behind it.
    for (int i = 0; i < 2 && !failed_; ++i) {
      seal();
      while (flying_ && !failed_) {
        const uint64_t done = done_sequence_.load(std::memory_order_acquire);
        if (done == done_seen_) done_sequence_.wait(done, std::memory_order_acquire);
        drain();
      }
    }
    stopping_.store(true, std::memory_order_release);
    work_.post();
    thread_.join();
    reactor_->remove_mailbox(*this);
  }
  const rocksdb::Status status = database_.close();
  if (!status.ok()) return to_error(status);
  return {};
}

void RocksStoreImpl::put(Family family, std::string_view key,
                         std::span<const std::string_view> value) {
  BARID_ASSERT(!failed_);
  if (value.size() == 1) {
    check(open_batch_->Put(handle(family), slice(key), slice(value.front())));
    return;
  }
  parts_.clear();
  for (const std::string_view part : value) parts_.push_back(slice(part));
  const rocksdb::Slice key_slice = slice(key);
  check(open_batch_->Put(handle(family), rocksdb::SliceParts(&key_slice, 1),
                         rocksdb::SliceParts(parts_.data(), static_cast<int>(parts_.size()))));
}

void RocksStoreImpl::seal() {
  if (flying_ || failed_ || open_batch_->Count() == 0) return;
  std::swap(open_batch_, flying_batch_);
  flying_group_ = open_group_++;
  flying_ = true;
  work_.post();
}

void RocksStoreImpl::read_free_space() noexcept {
  struct statvfs info {};
  if (statvfs(options_.directory.c_str(), &info) == 0) {
    const uint64_t available = uint64_t{info.f_bavail} * info.f_frsize;
    free_bytes_.store(available > reserve_bytes_ ? available - reserve_bytes_ : 0,
                      std::memory_order_relaxed);
  }
}

/// On a nearly full disk no mail comes in, so nothing would ever flush the memtables again: what
/// was erased is taken out of the files here, or a queue that ran empty would go on refusing mail.
void RocksStoreImpl::reclaim_if_tight() {
  if (free_bytes_.load(std::memory_order_relaxed) >= reserve_bytes_) return;
  const uint64_t sequence = database_.db->GetLatestSequenceNumber();
  if (sequence - reclaimed_at_ < kReclaimChanges) return;
  reclaimed_at_ = sequence;
  const std::vector<rocksdb::ColumnFamilyHandle*> all(database_.families.begin(),
                                                      database_.families.end());
  rocksdb::Status status = database_.db->Flush(rocksdb::FlushOptions(), all);
  rocksdb::CompactRangeOptions compact;
  // Files without live content go; none is written anew, there is no room for that.
  compact.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  if (status.ok()) {
    status = database_.db->CompactRange(compact, handle(Family::kContent), nullptr, nullptr);
  }
  // A failure shows in the next commit, which is where it is dealt with.
  status.PermitUncheckedError();
  read_free_space();
}

rocksdb::Status RocksStoreImpl::commit_one() {
  rocksdb::WriteOptions write;
  write.sync = true;
  check(flying_batch_->Put(handle(Family::kMeta), kLastGroupKey, rocksdb::Slice()));
  rocksdb::Status status = database_.db->Write(write, flying_batch_.get());
  if (status.ok()) acknowledged() = database_.db->GetLatestSequenceNumber();
  const size_t used = flying_batch_->GetDataSize();
  flying_batch_->Clear();
  const size_t capacity = flying_batch_->Data().capacity();
  if (capacity > kBatchKeepBytes && used < capacity / 4) {
    *flying_batch_ = rocksdb::WriteBatch();
  }
  return status;
}

/// After a failed write the handle is not trusted: the kernel may have dropped the dirty pages, and
/// the next sync would succeed without them. Only a fresh open, which replays and checks the WAL,
/// says what is on disk.
bool RocksStoreImpl::reopen() {
  const std::unique_lock lock(database_mutex_);
  static_cast<void>(database_.close());  // it failed already; what counts is the open that follows
  Database fresh;
  if (!open_into(fresh).ok()) return false;
  database_ = std::move(fresh);
  return true;
}

void RocksStoreImpl::commit_loop() {
  for (;;) {
    work_.wait();
    if (stopping_.load(std::memory_order_acquire)) return;
    done_status_ = commit_one();
    const bool ok = done_status_.ok();
    done_sequence_.fetch_add(1, std::memory_order_release);
    done_sequence_.notify_one();
    reactor_->waker().notify();
    read_free_space();
    if (ok) {
      reclaim_if_tight();
      continue;
    }
    while (!stopping_.load(std::memory_order_acquire)) {
      if (reopen()) {
        read_free_space();
        reopened_.store(true, std::memory_order_release);
        done_sequence_.fetch_add(1, std::memory_order_release);
        reactor_->waker().notify();
        break;
      }
      std::this_thread::sleep_for(options_.reopen_delay);
    }
  }
}

bool RocksStoreImpl::drain() {
  const uint64_t done = done_sequence_.load(std::memory_order_acquire);
  if (done == done_seen_) return false;
  done_seen_ = done;
  if (flying_) {
    flying_ = false;
    const uint64_t group = flying_group_;
    if (done_status_.ok()) {
      listener_->on_commit(group, {});
    } else {
      failed_ = true;
      const Error error = to_error(done_status_);
      listener_->on_commit(group, error);
      // What gathered meanwhile was staged by callers who will be told the same.
      if (open_batch_->Count() > 0) {
        open_batch_->Clear();
        listener_->on_commit(open_group_++, error);
      }
    }
  }
  if (reopened_.exchange(false, std::memory_order_acq_rel)) {
    failed_ = false;
    listener_->on_recovered();
  }
  return true;
}

Result<std::string> RocksStoreImpl::get(Family family, std::string_view key) const {
  const std::shared_lock lock(database_mutex_);
  if (!database_.db) return Error{.code = Code::kUnavailable};
  std::string value;
  const rocksdb::Status status =
      database_.db->Get(rocksdb::ReadOptions(), handle(family), slice(key), &value);
  if (!status.ok()) return to_error(status);
  return value;
}

Status RocksStoreImpl::scan(Family family, std::string_view from, Visitor& visitor) const {
  const std::shared_lock lock(database_mutex_);
  if (!database_.db) return Error{.code = Code::kUnavailable};
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db->NewIterator(read, handle(family)));
  for (it->Seek(slice(from)); it->Valid(); it->Next()) {
    const rocksdb::Slice key = it->key();
    const rocksdb::Slice value = it->value();
    if (!visitor.on_entry({key.data(), key.size()}, {value.data(), value.size()})) return {};
  }
  if (!it->status().ok()) return to_error(it->status());
  return {};
}

Status RocksStoreImpl::scan_back(Family family, std::string_view before, Visitor& visitor) const {
  const std::shared_lock lock(database_mutex_);
  if (!database_.db) return Error{.code = Code::kUnavailable};
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db->NewIterator(read, handle(family)));
  for (it->SeekForPrev(slice(before)); it->Valid(); it->Prev()) {
    const rocksdb::Slice key = it->key();
    const rocksdb::Slice value = it->value();
    if (key == slice(before)) continue;
    if (!visitor.on_entry({key.data(), key.size()}, {value.data(), value.size()})) return {};
  }
  if (!it->status().ok()) return to_error(it->status());
  return {};
}

}  // namespace

std::unique_ptr<RocksStore> open_rocks_store(const RocksStoreOptions& options,
                                             OpenFailure* failure) {
  auto store = std::make_unique<RocksStoreImpl>(options);
  const rocksdb::Status status = store->open();
  if (!status.ok()) {
    *failure = OpenFailure{.error = to_error(status), .text = status.ToString()};
    return nullptr;
  }
  store->init_batches();
  return store;
}

}  // namespace barid::queue
