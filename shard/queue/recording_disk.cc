#include "shard/queue/recording_disk.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace barid::queue {
namespace {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using Kind = DiskEvent::Kind;

constexpr size_t kSectorBytes = 512;

std::string leaf(const std::string& path) { return fs::path(path).filename(); }

/// Passes all calls on, and tells the disk those that succeeded.
class RecordedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  RecordedFile(std::unique_ptr<rocksdb::FSWritableFile> file, RecordingDisk& disk, uint64_t number,
               uint64_t offset)
      : FSWritableFileOwnerWrapper(std::move(file)),
        disk_(disk),
        number_(number),
        offset_(offset) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* context) override {
    return written(offset_, data, FSWritableFileOwnerWrapper::Append(data, options, context));
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* context) override {
    return written(offset_, data, FSWritableFileOwnerWrapper::Append(data, options, info, context));
  }
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* context) override {
    return written(offset, data,
                   FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, context));
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* context) override {
    IOStatus status = FSWritableFileOwnerWrapper::Truncate(size, options, context);
    if (status.ok()) disk_.record({.kind = Kind::kTruncate, .file = number_, .offset = size});
    return status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    return synced(FSWritableFileOwnerWrapper::Sync(options, context));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return synced(FSWritableFileOwnerWrapper::Fsync(options, context));
  }

 private:
  IOStatus written(uint64_t offset, const Slice& data, IOStatus status) {
    if (!status.ok()) return status;
    offset_ = offset + data.size();
    disk_.record(
        {.kind = Kind::kWrite, .file = number_, .offset = offset, .bytes = data.ToString()});
    return status;
  }
  IOStatus synced(IOStatus status) {
    if (status.ok()) disk_.record({.kind = Kind::kSync, .file = number_});
    return status;
  }

  RecordingDisk& disk_;
  const uint64_t number_;
  uint64_t offset_;
};

class RecordedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  RecordedDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, RecordingDisk& disk)
      : FSDirectoryWrapper(std::move(directory)), disk_(disk) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return synced(FSDirectoryWrapper::Fsync(options, context));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* context,
                               const rocksdb::DirFsyncOptions& details) override {
    return synced(FSDirectoryWrapper::FsyncWithDirOptions(options, context, details));
  }

 private:
  IOStatus synced(IOStatus status) {
    if (status.ok()) disk_.record({.kind = Kind::kSyncNames});
    return status;
  }
  RecordingDisk& disk_;
};

void apply_whole(std::string& content, const DiskEvent& event) {
  if (event.kind == Kind::kTruncate) {
    content.resize(event.offset);
    return;
  }
  content.resize(std::max<size_t>(content.size(), event.offset + event.bytes.size()));
  content.replace(event.offset, event.bytes.size(), event.bytes);
}

/// What an interrupted write may leave. False: nothing after it in this file is there either.
bool apply_torn(std::string& content, const DiskEvent& event, Rng& dice) {
  const bool grows =
      event.kind == Kind::kWrite && event.offset + event.bytes.size() > content.size();
  if (event.kind == Kind::kTruncate || grows) {
    if (dice.next() % 2 == 0) {
      apply_whole(content, event);
      return true;
    }
    if (grows && event.offset <= content.size()) {
      DiskEvent part = event;
      part.bytes.resize(dice.next() % (event.bytes.size() + 1));
      if (!part.bytes.empty()) apply_whole(content, part);
    }
    return false;
  }
  const uint64_t missing_share = dice.next() % 4;  // of 4: some writes lose little, some nearly all
  for (size_t at = 0; at < event.bytes.size(); at += kSectorBytes) {
    if (dice.next() % 4 < missing_share) continue;
    content.replace(event.offset + at, std::min(kSectorBytes, event.bytes.size() - at), event.bytes,
                    at, kSectorBytes);
  }
  return true;
}

}  // namespace

RecordingDisk::RecordingDisk(std::string directory)
    : FileSystemWrapper(rocksdb::FileSystem::Default()) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string name = entry.path().filename();
    first_names_[name] = ++file_count_;
    first_contents_[file_count_] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  names_ = first_names_;
}

size_t RecordingDisk::event_count() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

size_t RecordingDisk::moment(Rng& dice) const {
  const std::lock_guard lock(mutex_);
  size_t at = dice.next() % (events_.size() + 1);
  if (dice.next() % 2 == 0) return at;
  while (at < events_.size() && events_[at].kind != Kind::kSync) ++at;
  return at;
}

void RecordingDisk::record(DiskEvent event) {
  const std::lock_guard lock(mutex_);
  apply_name(names_, event);
  events_.push_back(std::move(event));
}

uint64_t RecordingDisk::add_file(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_[leaf(name)] = ++file_count_;
  events_.push_back({.kind = Kind::kName, .file = file_count_, .name = leaf(name)});
  return file_count_;
}

void RecordingDisk::record_rename(const std::string& from, const std::string& to) {
  record({.kind = Kind::kRename, .name = leaf(from), .new_name = leaf(to)});
}

void RecordingDisk::apply_name(Names& names, const DiskEvent& event) {
  if (event.kind == Kind::kName) names[event.name] = event.file;
  if (event.kind == Kind::kRemove) names.erase(event.name);
  if (event.kind != Kind::kRename) return;
  const auto old = names.find(event.name);
  if (old == names.end()) return;
  names[event.new_name] = old->second;
  names.erase(event.name);
}

void RecordingDisk::restore_after(const Cut& cut, Rng& dice, const std::string& target) const {
  std::map<uint64_t, std::string> contents = first_contents_;
  std::map<uint64_t, std::vector<const DiskEvent*>> pending;
  Names names = first_names_;
  std::vector<const DiskEvent*> pending_names;
  for (size_t i = 0; i < cut.at; ++i) {
    const DiskEvent& event = events_[i];
    if (event.kind == Kind::kWrite || event.kind == Kind::kTruncate) {
      pending[event.file].push_back(&event);
    } else if (event.kind == Kind::kSync) {
      if (cut.lying) continue;
      for (const DiskEvent* write : pending[event.file]) apply_whole(contents[event.file], *write);
      pending.erase(event.file);
    } else if (event.kind == Kind::kSyncNames) {
      for (const DiskEvent* name : pending_names) apply_name(names, *name);
      pending_names.clear();
    } else {
      pending_names.push_back(&event);
    }
  }
  pending_names.resize(dice.next() % (pending_names.size() + 1));
  for (const DiskEvent* name : pending_names) apply_name(names, *name);
  const uint64_t mood = dice.next() % 4;  // all of it reached the disk, nothing did, or some
  for (const auto& [file, writes] : pending) {
    for (const DiskEvent* write : writes) {
      if (mood == 0) {
        apply_whole(contents[file], *write);
      } else if (mood == 1 || !apply_torn(contents[file], *write, dice)) {
        break;
      }
    }
  }
  fs::remove_all(target);
  fs::create_directories(target);
  for (const auto& [name, file] : names) {
    std::ofstream(target + "/" + name, std::ios::binary) << contents[file];
  }
}

rocksdb::IOStatus RecordingDisk::NewWritableFile(const std::string& name,
                                                 const rocksdb::FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                 IODebugContext* context) {
  IOStatus status = FileSystemWrapper::NewWritableFile(name, options, result, context);
  if (!status.ok()) return status;
  *result = std::make_unique<RecordedFile>(std::move(*result), *this, add_file(name), 0);
  return status;
}

rocksdb::IOStatus RecordingDisk::ReopenWritableFile(
    const std::string& name, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) {
  const bool exists = fs::exists(name);
  const uint64_t size = exists ? fs::file_size(name) : 0;
  IOStatus status = FileSystemWrapper::ReopenWritableFile(name, options, result, context);
  if (!status.ok()) return status;
  if (!exists) add_file(name);
  const std::unique_lock lock(mutex_);
  const uint64_t number = names_[leaf(name)];
  *result = std::make_unique<RecordedFile>(std::move(*result), *this, number, size);
  return status;
}

rocksdb::IOStatus RecordingDisk::ReuseWritableFile(const std::string& name,
                                                   const std::string& old_name,
                                                   const rocksdb::FileOptions& options,
                                                   std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                   IODebugContext* context) {
  IOStatus status = FileSystemWrapper::ReuseWritableFile(name, old_name, options, result, context);
  if (!status.ok()) return status;
  record_rename(old_name, name);
  const std::unique_lock lock(mutex_);
  const uint64_t number = names_[leaf(name)];
  *result = std::make_unique<RecordedFile>(std::move(*result), *this, number, 0);
  return status;
}

rocksdb::IOStatus RecordingDisk::RenameFile(const std::string& from, const std::string& to,
                                            const IOOptions& options, IODebugContext* context) {
  IOStatus status = FileSystemWrapper::RenameFile(from, to, options, context);
  if (status.ok()) record_rename(from, to);
  return status;
}

rocksdb::IOStatus RecordingDisk::DeleteFile(const std::string& name, const IOOptions& options,
                                            IODebugContext* context) {
  IOStatus status = FileSystemWrapper::DeleteFile(name, options, context);
  if (status.ok()) record({.kind = Kind::kRemove, .name = leaf(name)});
  return status;
}

rocksdb::IOStatus RecordingDisk::NewDirectory(const std::string& name, const IOOptions& options,
                                              std::unique_ptr<rocksdb::FSDirectory>* result,
                                              IODebugContext* context) {
  IOStatus status = FileSystemWrapper::NewDirectory(name, options, result, context);
  if (status.ok()) *result = std::make_unique<RecordedDirectory>(std::move(*result), *this);
  return status;
}

}  // namespace barid::queue
