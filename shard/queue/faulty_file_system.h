// A file system for tests whose writes or syncs fail on command: the n-th call after arm(), and all
// later ones until it is disarmed (a disk that is gone), or only that one (PostgreSQL's surprise:
// the next fsync succeeds although the pages were dropped). Layer: shard/queue, tests only.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>

namespace barid::queue {

struct FaultPlan {
  std::atomic<int64_t> calls_left{-1};  ///< -1 = no fault; else the call at 0 fails
  std::atomic<bool> only_once{false};
  std::atomic<bool> no_space{false};
  std::atomic<uint64_t> failures{0};

  [[nodiscard]] bool fails_now() noexcept {
    if (calls_left.load() < 0) return false;
    if (calls_left.fetch_sub(1) > 0) return false;
    ++failures;
    calls_left.store(only_once.load() ? -1 : 0);
    return true;
  }
  [[nodiscard]] rocksdb::IOStatus failure() const {
    return no_space.load() ? rocksdb::IOStatus::NoSpace("injected")
                           : rocksdb::IOStatus::IOError("injected");
  }
};

class FaultyWritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<FaultPlan> plan)
      : FSWritableFileOwnerWrapper(std::move(file)), plan_(std::move(plan)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    if (plan_->fails_now()) return plan_->failure();
    return FSWritableFileOwnerWrapper::Append(data, options, context);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* context) override {
    if (plan_->fails_now()) return plan_->failure();
    return FSWritableFileOwnerWrapper::Append(data, options, info, context);
  }
  rocksdb::IOStatus PositionedAppend(const rocksdb::Slice& data, uint64_t offset,
                                     const rocksdb::IOOptions& options,
                                     rocksdb::IODebugContext* context) override {
    if (plan_->fails_now()) return plan_->failure();
    return FSWritableFileOwnerWrapper::PositionedAppend(data, offset, options, context);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* context) override {
    if (plan_->fails_now()) return plan_->failure();
    return FSWritableFileOwnerWrapper::Sync(options, context);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* context) override {
    if (plan_->fails_now()) return plan_->failure();
    return FSWritableFileOwnerWrapper::Fsync(options, context);
  }

 private:
  std::shared_ptr<FaultPlan> plan_;
};

/// Faults strike write-ahead log files only: they are where acknowledged data lives first.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(std::shared_ptr<FaultPlan> plan)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(std::move(plan)) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, result, context);
    return with_faults(status, name, result);
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status =
        FileSystemWrapper::ReuseWritableFile(name, old_name, options, result, context);
    return with_faults(status, name, result);
  }

 private:
  rocksdb::IOStatus with_faults(rocksdb::IOStatus status, const std::string& name,
                                std::unique_ptr<rocksdb::FSWritableFile>* result) {
    if (status.ok() && name.ends_with(".log")) {
      *result = std::make_unique<FaultyWritableFile>(std::move(*result), plan_);
    }
    return status;
  }

  std::shared_ptr<FaultPlan> plan_;
};

}  // namespace barid::queue
