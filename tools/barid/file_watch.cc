#include "tools/barid/file_watch.h"

namespace barid::tools {

void FileWatch::set(std::vector<std::string> files) {
  files_ = std::move(files);
  known_ = latest_ = look();
}

std::vector<FileWatch::Stamp> FileWatch::look() const {
  std::vector<Stamp> stamps;
  for (const std::string& file : files_) {
    struct stat facts {};
    Stamp& stamp = stamps.emplace_back();
    if (::stat(file.c_str(), &facts) != 0) continue;
    stamp = {.seconds = facts.st_mtim.tv_sec,
             .nanoseconds = facts.st_mtim.tv_nsec,
             .bytes = facts.st_size,
             .inode = facts.st_ino};
  }
  return stamps;
}

bool FileWatch::changed() {
  std::vector<Stamp> now = look();
  const bool settled = now == latest_;
  latest_ = std::move(now);
  if (!settled || latest_ == known_) return false;
  known_ = latest_;
  return true;
}

}  // namespace barid::tools
