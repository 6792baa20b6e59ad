#include "shard/queue/log_file_system.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "shard/queue/log_frame.h"

namespace barid::queue {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::string_view kLogSuffix = ".log";

/// 123 of "…/000123.log"; none for other files.
std::optional<uint64_t> log_number(std::string_view path) {
  if (!path.ends_with(kLogSuffix)) return std::nullopt;
  path.remove_suffix(kLogSuffix.size());
  path.remove_prefix(path.rfind('/') + 1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
  if (error != std::errc() || end != path.data() + path.size()) return std::nullopt;
  return number;
}

/// A log being written: what is appended between two syncs becomes one frame, written past the page
/// cache where the file system allows. Nothing is preallocated: that would make the file system's
/// journal part of every sync, and cut the file when it is closed.
class FramedLog final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FramedLog(std::unique_ptr<rocksdb::FSWritableFile> file, uint64_t number)
      : FSWritableFileOwnerWrapper(std::move(file)),
        block_bytes_(std::clamp<size_t>(target()->GetRequiredBufferAlignment(), kBlockBytesMin,
                                        kLogBlockBytesMax)),
        direct_(target()->use_direct_io()),
        writer_(number, static_cast<uint32_t>(block_bytes_)) {
    reserve(kLogHeaderBytes);
  }

  IOStatus begin(IODebugContext* context) {
    const auto header = writer_.file_header();
    std::memcpy(buffer_.get(), header.data(), header.size());
    return write_block(header.size(), IOOptions(), context);
  }

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* context) override {
    for (size_t at = 0; at < data.size();) {
      const size_t take = std::min(data.size() - at, kLogFrameBytesMax - pending_);
      reserve(kLogFrameHeaderBytes + pending_ + take);
      std::memcpy(payload() + pending_, data.data() + at, take);
      pending_ += take;
      at += take;
      if (pending_ < kLogFrameBytesMax) continue;
      if (IOStatus status = write_frame(options, context); !status.ok()) return status;
    }
    bytes_ += data.size();
    return IOStatus::OK();
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    IOStatus status = write_frame(options, context);
    if (status.ok()) status = target()->Sync(options, context);
    if (status.ok()) writer_.synced();
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    IOStatus status = write_frame(options, context);
    if (status.ok()) status = target()->Fsync(options, context);
    if (status.ok()) writer_.synced();
    return status;
  }
  IOStatus Close(const IOOptions& options, IODebugContext* context) override {
    IOStatus status = write_frame(options, context);
    IOStatus closed = target()->Close(options, context);
    return status.ok() ? closed : status;
  }
  IOStatus Truncate(uint64_t, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return bytes_; }
  bool IsSyncThreadSafe() const override { return false; }
  bool use_direct_io() const override { return false; }  // not the caller's affair
  void SetPreallocationBlockSize(size_t) override {}
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  static constexpr size_t kBlockBytesMin = 512;
  static constexpr std::align_val_t kAlignment{4096};
  struct Free {
    void operator()(char* memory) const noexcept { ::operator delete[](memory, kAlignment); }
  };

  char* payload() noexcept { return buffer_.get() + kLogFrameHeaderBytes; }

  /// Room for `bytes` and their padding; keeps what is pending.
  void reserve(size_t bytes) {
    const size_t wanted = bytes + block_bytes_;
    if (wanted <= capacity_) return;
    const size_t capacity = std::max(wanted, 2 * capacity_);
    std::unique_ptr<char[], Free> larger(
        static_cast<char*>(::operator new[](capacity, kAlignment)));
    if (pending_ > 0) {
      std::memcpy(larger.get() + kLogFrameHeaderBytes, payload(), pending_);
    }
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }

  IOStatus write_frame(const IOOptions& options, IODebugContext* context) {
    if (pending_ == 0) return IOStatus::OK();
    const auto header = writer_.frame_header({payload(), pending_});
    std::memcpy(buffer_.get(), header.data(), header.size());
    return write_block(header.size() + std::exchange(pending_, 0), options, context);
  }

  IOStatus write_block(size_t bytes, const IOOptions& options, IODebugContext* context) {
    const size_t padding = writer_.padding(bytes);
    std::memset(buffer_.get() + bytes, 0, padding);
    const Slice whole(buffer_.get(), bytes + padding);
    IOStatus status = direct_ ? target()->PositionedAppend(whole, offset_, options, context)
                              : target()->Append(whole, options, context);
    offset_ += whole.size();
    return status;
  }

  const size_t block_bytes_;
  const bool direct_;
  LogFrameWriter writer_;
  std::unique_ptr<char[], Free> buffer_;  // frame header, payload, padding
  size_t capacity_ = 0;
  size_t pending_ = 0;   // payload bytes in it
  uint64_t offset_ = 0;  // in the file
  uint64_t bytes_ = 0;   // appended
};

/// A log being read: the payloads of its frames.
class FramedLogInput final : public rocksdb::FSSequentialFile, private LogSource {
 public:
  FramedLogInput(std::unique_ptr<rocksdb::FSSequentialFile> file, uint64_t number)
      : file_(std::move(file)), number_(number), reader_(*this, number) {}

  LogFrameReader::Form start(IODebugContext* context) {
    context_ = context;
    return reader_.start();
  }
  [[nodiscard]] const IOStatus& status() const noexcept { return status_; }

  IOStatus Read(size_t bytes, const IOOptions&, Slice* result, char* scratch,
                IODebugContext* context) override {
    context_ = context;
    *result = Slice(scratch, reader_.read(scratch, bytes));
    return outcome();
  }
  IOStatus Skip(uint64_t bytes) override {
    char scratch[4096];
    while (bytes > 0) {
      const size_t got = reader_.read(scratch, std::min<uint64_t>(bytes, sizeof scratch));
      if (got == 0) break;
      bytes -= got;
    }
    return outcome();
  }

 private:
  [[nodiscard]] IOStatus outcome() const {
    if (status_.ok() && reader_.damaged()) {
      return IOStatus::Corruption("log " + std::to_string(number_),
                                  "a frame fails its checksum, later ones are whole");
    }
    return status_;
  }
  size_t read(char* buffer, size_t bytes) override {
    size_t done = 0;
    while (done < bytes && status_.ok()) {
      Slice part;
      status_ = file_->Read(bytes - done, IOOptions(), &part, buffer + done, context_);
      if (!status_.ok() || part.empty()) break;
      if (part.data() != buffer + done) std::copy_n(part.data(), part.size(), buffer + done);
      done += part.size();
    }
    return done;
  }

  std::unique_ptr<rocksdb::FSSequentialFile> file_;
  IODebugContext* context_ = nullptr;
  IOStatus status_;
  const uint64_t number_;
  LogFrameReader reader_;
};

}  // namespace

LogFileSystem::LogFileSystem(std::shared_ptr<rocksdb::FileSystem> target, std::string directory,
                             const LogReuse& reuse)
    : FileSystemWrapper(std::move(target)),
      directory_(std::move(directory)),
      reuse_(reuse),
      spares_(reuse.spares_max) {}

std::string LogFileSystem::spare_path(size_t slot) const {
  return directory_ + "/spare-" + std::to_string(slot);
}

rocksdb::IOStatus LogFileSystem::prepare() {
  const std::lock_guard lock(mutex_);
  for (size_t slot = 0; slot < spares_.size(); ++slot) {
    const std::string path = spare_path(slot);
    if (!target()->FileExists(path, IOOptions(), nullptr).ok()) {
      if (slot >= reuse_.ready_count) continue;
      const IOStatus status = make_spare(path);
      if (!status.ok()) return status;
    }
    spares_[slot] = true;
  }
  return IOStatus::OK();
}

rocksdb::IOStatus LogFileSystem::make_spare(const std::string& path) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = target()->NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  const std::string zeros(1u << 20, '\0');
  for (uint64_t done = 0; status.ok() && done < reuse_.ready_bytes; done += zeros.size()) {
    status = file->Append(zeros, IOOptions(), nullptr);
  }
  if (status.ok()) status = file->Sync(IOOptions(), nullptr);
  if (status.ok()) status = file->Close(IOOptions(), nullptr);
  return status;
}

/// Past the page cache, or through it where the file system has no other way.
rocksdb::IOStatus LogFileSystem::open_log(const std::string& name,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result,
                                          rocksdb::IODebugContext* context) {
  const std::lock_guard lock(mutex_);
  const auto spare = std::find(spares_.begin(), spares_.end(), true);
  rocksdb::FileOptions direct = options;
  direct.use_direct_writes = true;
  if (spare == spares_.end()) {
    IOStatus status = target()->NewWritableFile(name, direct, result, context);
    if (status.ok()) return status;
    return target()->NewWritableFile(name, options, result, context);
  }
  *spare = false;
  const std::string path = spare_path(static_cast<size_t>(spare - spares_.begin()));
  IOStatus status = target()->ReuseWritableFile(name, path, direct, result, context);
  if (!status.ok()) status = target()->ReuseWritableFile(name, path, options, result, context);
  if (!status.ok()) return status;
  // The new name before the first sync of the content. RocksDB syncs the directory of new logs too,
  // but tells the file system that they are new files, for which some skip it.
  std::unique_ptr<rocksdb::FSDirectory> directory;
  status = target()->NewDirectory(directory_, IOOptions(), &directory, context);
  if (status.ok()) {
    status = directory->FsyncWithDirOptions(IOOptions(), context, rocksdb::DirFsyncOptions(name));
  }
  return status;
}

/// The same for what flushes and compactions write, if the database asks for it.
rocksdb::IOStatus LogFileSystem::open_table(const std::string& name,
                                            const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* result,
                                            rocksdb::IODebugContext* context) {
  IOStatus status = target()->NewWritableFile(name, options, result, context);
  if (status.ok() || !options.use_direct_writes) return status;
  rocksdb::FileOptions buffered = options;
  buffered.use_direct_writes = false;
  return target()->NewWritableFile(name, buffered, result, context);
}

rocksdb::IOStatus LogFileSystem::NewWritableFile(const std::string& name,
                                                 const rocksdb::FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                 IODebugContext* context) {
  const std::optional<uint64_t> number = log_number(name);
  if (!number) return open_table(name, options, result, context);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = open_log(name, options, &file, context);
  if (!status.ok()) return status;
  auto log = std::make_unique<FramedLog>(std::move(file), *number);
  status = log->begin(context);
  if (status.ok()) *result = std::move(log);
  return status;
}

rocksdb::IOStatus LogFileSystem::NewSequentialFile(
    const std::string& name, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext* context) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  IOStatus status = target()->NewSequentialFile(name, options, &file, context);
  const std::optional<uint64_t> number = log_number(name);
  if (!status.ok() || !number) {
    *result = std::move(file);
    return status;
  }
  auto log = std::make_unique<FramedLogInput>(std::move(file), *number);
  const LogFrameReader::Form form = log->start(context);
  if (!log->status().ok()) return log->status();
  if (form == LogFrameReader::Form::kForeign) {
    return target()->NewSequentialFile(name, options, result, context);
  }
  *result = std::move(log);
  return IOStatus::OK();
}

rocksdb::IOStatus LogFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                            IODebugContext* context) {
  if (!log_number(name)) return target()->DeleteFile(name, options, context);
  const std::lock_guard lock(mutex_);
  const auto slot = std::find(spares_.begin(), spares_.end(), false);
  uint64_t bytes = 0;
  if (slot != spares_.end() && target()->GetFileSize(name, options, &bytes, context).ok() &&
      bytes <= reuse_.bytes_max) {
    const std::string path = spare_path(static_cast<size_t>(slot - spares_.begin()));
    if (target()->RenameFile(name, path, options, context).ok()) {
      *slot = true;
      return IOStatus::OK();
    }
  }
  return target()->DeleteFile(name, options, context);
}

}  // namespace barid::queue
