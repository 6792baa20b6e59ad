#include "tools/barid/map_build.h"

#include <absl/container/flat_hash_map.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/lookup/split.h"
#include "core/lookup/text_source.h"
#include "core/text/base64.h"

namespace barid::tools {
namespace {

/// One command at a time changes the tables of a directory: they are read, then replaced.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    fd_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ >= 0) (void)::flock(fd_, LOCK_EX);
  }
  ~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int fd_ = -1;
};

MapOutcome failed(int status, std::string error) {
  return {.status = status, .error = std::move(error), .warnings = {}};
}

std::string read_all(std::istream& input) {
  return {std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
}

}  // namespace

/// Entries in order, found by key.
class MapFile::Editor {
 public:
  Editor(const MapFile& file, MapOutcome* outcome) : file_(file), outcome_(outcome) {}

  /// What the file has now; absent = nothing. False if it cannot be read.
  [[nodiscard]] bool load() {
    if (::access(file_.path_.c_str(), F_OK) != 0) return true;
    lookup::IndexContent content = lookup::read_index(file_.type_, file_.path_);
    if (!content.error.empty()) {
      *outcome_ = failed(EX_NOINPUT, std::move(content.error));
      return false;
    }
    for (lookup::IndexEntry& entry : content.entries) {
      index_.try_emplace(entry.key, entries_.size());
      entries_.push_back(std::move(entry));
    }
    return true;
  }

  /// Takes a source text; `path` is for complaints.
  void add_source(std::string_view text, const std::string& path) {
    const lookup::OpenContext context{.warnings = &outcome_->warnings};
    const auto format = file_.aliases_ ? lookup::TextFormat::kAliases : lookup::TextFormat::kTable;
    lookup::read_text_source(text, path, format, context,
                             [&](std::string key, std::string_view value, int32_t line) {
                               add(key, value, fmt::format("{}, line {}", path, line));
                             });
  }

  void add(std::string_view key, std::string_view value, const std::string& place) {
    std::string kept(value);
    if (file_.options_.files && !read_files(value, place, &kept)) return;
    std::string folded = fold(key);
    const auto [it, inserted] = index_.try_emplace(folded, entries_.size());
    if (inserted) {
      entries_.push_back({std::move(folded), std::move(kept)});
    } else if (file_.options_.replace) {
      entries_[it->second].value = std::move(kept);
    } else if (!file_.options_.ignore_duplicates) {
      outcome_->warnings.push_back(fmt::format("{}: duplicate entry: \"{}\"", file_.path_, folded));
    }
  }

  [[nodiscard]] bool erase(std::string_view key) {
    const auto it = index_.find(fold(key));
    if (it == index_.end()) return false;
    entries_[it->second].key.clear();
    index_.erase(it);
    return true;
  }

  /// What is to be written: erased ones are gone.
  [[nodiscard]] const std::vector<lookup::IndexEntry>& finish() {
    std::erase_if(entries_, [](const lookup::IndexEntry& entry) { return entry.key.empty(); });
    return entries_;
  }

 private:
  [[nodiscard]] std::string fold(std::string_view key) const {
    return file_.options_.fold ? lookup::lower(key) : std::string(key);
  }

  /// -F: `names` are files, whose contents one after the other are the value.
  bool read_files(std::string_view names, const std::string& place, std::string* out) {
    std::string content;
    for (const std::string_view name : lookup::split_list(names)) {
      const std::string path(name);
      const Result<std::string> part = lookup::read_whole_file(path);
      if (!part.ok()) {
        outcome_->status = EX_NOINPUT;
        outcome_->error = fmt::format("{}: {}", place, lookup::open_failure(path, part.error()));
        return false;
      }
      content += *part;
    }
    out->clear();
    text::append_base64(*out, content);
    return true;
  }

  const MapFile& file_;
  MapOutcome* outcome_;
  std::vector<lookup::IndexEntry> entries_;
  absl::flat_hash_map<std::string, size_t> index_;
};

MapFile::MapFile(lookup::IndexType type, std::string name, const MapOptions& options, bool aliases)
    : type_(type),
      name_(std::move(name)),
      path_(lookup::index_path(type, name_)),
      options_(options),
      aliases_(aliases) {}

/// Permissions and owner are those of the file `model`.
MapOutcome MapFile::write(Editor& editor, const std::string& model) {
  lookup::IndexWish wish{.with_nul = options_.with_nul};
  struct stat facts {};
  if (::stat(model.c_str(), &facts) == 0) {
    if (options_.inherit_mode) wish.mode = facts.st_mode & 0777;
    if (options_.as_owner && ::geteuid() == 0) {
      wish.user = facts.st_uid;
      wish.group = facts.st_gid;
    }
  }
  std::string problem = lookup::write_index(type_, path_, editor.finish(), wish);
  return problem.empty() ? MapOutcome{} : failed(EX_CANTCREAT, std::move(problem));
}

MapOutcome MapFile::build() {
  MapOutcome outcome;
  const Result<std::string> source = lookup::read_whole_file(name_);
  if (!source.ok()) return failed(EX_NOINPUT, lookup::open_failure(name_, source.error()));
  const DirectoryLock lock(path_);
  Editor editor(*this, &outcome);
  editor.add_source(*source, name_);
  if (aliases_) editor.add("@", "@", name_);  // readers of alias files know a complete one by it
  if (!outcome.error.empty()) return outcome;
  MapOutcome written = write(editor, name_);
  written.warnings = std::move(outcome.warnings);
  return written;
}

MapOutcome MapFile::insert(std::istream& input) {
  MapOutcome outcome;
  const std::string text = read_all(input);
  const DirectoryLock lock(path_);
  Editor editor(*this, &outcome);
  if (!editor.load()) return outcome;
  editor.add_source(text, "stdin");
  if (!outcome.error.empty()) return outcome;
  MapOutcome written = write(editor, ::access(path_.c_str(), F_OK) == 0 ? path_ : name_);
  written.warnings = std::move(outcome.warnings);
  return written;
}

MapOutcome MapFile::erase(std::string_view key, std::istream& input) {
  MapOutcome outcome;
  std::vector<std::string> keys;
  if (key == "-") {
    for (std::string line; std::getline(input, line);) keys.push_back(std::move(line));
  } else {
    keys.emplace_back(key);
  }
  const DirectoryLock lock(path_);
  if (::access(path_.c_str(), F_OK) != 0) {
    return failed(EX_NOINPUT, fmt::format("open {}: No such file or directory", path_));
  }
  Editor editor(*this, &outcome);
  if (!editor.load()) return outcome;
  const auto erased = std::count_if(keys.begin(), keys.end(),
                                    [&](const std::string& each) { return editor.erase(each); });
  if (erased == 0) return {.status = 1, .error = {}, .warnings = {}};
  return write(editor, path_);
}

}  // namespace barid::tools
