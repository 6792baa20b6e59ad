#include "core/config/edit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <optional>

#include "core/lookup/split.h"

namespace barid::config {
namespace {

std::string_view take_line(std::string_view& rest) noexcept {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

/// What an editor does with the logical line that starts here: nullopt leaves it alone, a text
/// replaces it (an empty one removes it).
struct Replacement {
  EditKind kind;
  std::string text;  ///< with its newline; for kSet
};
using ChooseReplacement = std::function<std::optional<Replacement>(std::string_view first_line)>;

/// Walks physical lines. Comments and blank lines are copied wherever they stand, even inside an
/// entry that goes away.
std::string rewrite_lines(std::string_view contents, const ChooseReplacement& choose) {
  std::string out;
  std::optional<Replacement> current;
  const auto copy = [&out](std::string_view prefix, std::string_view line) {
    out.append(prefix).append(line).push_back('\n');
  };
  while (!contents.empty()) {
    const std::string_view line = take_line(contents);
    const std::string_view content = lookup::trim_left(line);
    if (content.empty() || content.front() == '#') {
      copy("", line);
      continue;
    }
    const bool continues = content.data() != line.data();
    if (!continues) {
      current = choose(line);
      if (current && current->kind == EditKind::kSet) out += current->text;
    }
    if (!current) {
      copy("", line);
    } else if (current->kind == EditKind::kComment) {
      copy("#", line);
    }
  }
  return out;
}

constexpr std::array<size_t, 8> kColumns = {0, 11, 17, 25, 33, 41, 49, 57};

}  // namespace

EditArgument parse_edit_argument(EditKind kind, std::string_view argument) {
  EditArgument edit;
  const std::string_view text = lookup::trim_left(argument);
  if (argument.find('\n') != std::string_view::npos) {
    edit.error = "-e, -X, or -# accepts no multi-line input";
  } else if (text.starts_with('#')) {
    edit.error = "-e, -X, or -# accepts no comment input";
  } else if (kind == EditKind::kSet) {
    const lookup::NameValue setting = lookup::split_name_value(text);
    if (setting.error != nullptr) edit.error = fmt::format("{}: \"{}\"", setting.error, text);
    edit.name = setting.name;
    edit.value = setting.value;
  } else {
    edit.name = lookup::trim(text);
    if (edit.name.find('=') != std::string::npos) {
      edit.error = "-X or -# requires names without value";
    } else if (edit.name.empty()) {
      edit.error = "-X or -# requires non-blank parameter name";
    }
  }
  return edit;
}

Edited edit_main_cf(std::string_view contents, EditKind kind, std::span<const EditArgument> edits) {
  Edited edited;
  std::vector<int32_t> found(edits.size(), 0);
  edited.text = rewrite_lines(contents, [&](std::string_view line) -> std::optional<Replacement> {
    size_t end = 0;
    while (end < line.size() && !lookup::is_blank(line[end]) && line[end] != '=') ++end;
    const std::string_view name = line.substr(0, end);
    for (size_t i = 0; i < edits.size(); ++i) {
      if (edits[i].name != name) continue;
      if (++found[i] == 2) {
        edited.warnings.push_back(fmt::format("multiple entries for \"{}\"", name));
      }
      return Replacement{kind, fmt::format("{} = {}\n", edits[i].name, edits[i].value)};
    }
    return std::nullopt;
  });
  if (kind != EditKind::kSet) return edited;
  std::vector<std::string> added;
  for (size_t i = 0; i < edits.size(); ++i) {
    if (found[i] == 0) added.push_back(fmt::format("{} = {}\n", edits[i].name, edits[i].value));
  }
  std::sort(added.begin(), added.end());
  for (const std::string& line : added) edited.text += line;
  return edited;
}

Edited edit_master_cf(std::string_view contents, EditKind kind,
                      std::span<const ServiceEdit> edits) {
  Edited edited;
  std::vector<int32_t> found(edits.size(), 0);
  edited.text = rewrite_lines(contents, [&](std::string_view line) -> std::optional<Replacement> {
    const auto words = lookup::split_list(line, lookup::Separators::kBlank);
    for (size_t i = 0; i < edits.size() && words.size() >= 2; ++i) {
      if (edits[i].name != words[0] || edits[i].type != words[1]) continue;
      if (++found[i] == 2) {
        edited.warnings.push_back(
            fmt::format("multiple entries for \"{}/{}\"", edits[i].name, edits[i].type));
      }
      return Replacement{kind, edits[i].line + "\n"};
    }
    return std::nullopt;
  });
  for (size_t i = 0; kind == EditKind::kSet && i < edits.size(); ++i) {
    if (found[i] == 0) edited.text += edits[i].line + "\n";
  }
  return edited;
}

std::string format_override(std::string_view name, std::string_view value) {
  const bool needs_group = value.find_first_of(" \t") != std::string_view::npos;
  return needs_group ? fmt::format("{{{}={}}}", name, value) : fmt::format("{}={}", name, value);
}

namespace {

/// Appends the arguments of an entry behind its columns, wrapped as postconf does when folded.
class ArgumentWriter {
 public:
  ArgumentWriter(std::string& out, Folding folding)
      : out_(out), line_start_(0), folded_(folding == Folding::kFolded) {}

  void add(std::string_view word, bool wrap_before) {
    const size_t width = out_.size() - line_start_ + 1 + word.size();
    // A line that starts with '#' would be a comment.
    const bool wrap =
        folded_ && (wrap_before || wrap_next_ || width >= kLineBytesMax) && word.front() != '#';
    wrap_next_ = false;
    if (wrap) {
      out_ += '\n';
      line_start_ = out_.size();
    }
    out_ += wrap ? "    " : " ";
    out_ += word;
  }
  void wrap_next() { wrap_next_ = true; }

 private:
  static constexpr size_t kLineBytesMax = 80;

  std::string& out_;
  size_t line_start_;
  bool folded_;
  bool wrap_next_ = false;
};

/// The word behind an `-o`, in one spelling; `expand` is applied to its value.
std::string normal_setting(const std::string& word, const ExpandValue& expand) {
  const lookup::NameValue setting = lookup::split_name_value(lookup::strip_braces(word));
  if (setting.error != nullptr) return word;
  const std::string value =
      expand ? expand(std::string(setting.value)) : std::string(setting.value);
  return format_override(setting.name, value);
}

}  // namespace

std::string format_command(const ServiceEntry& entry, Folding folding, const ExpandValue& expand,
                           size_t indent) {
  std::string out(indent, ' ');
  out += entry.command;
  ArgumentWriter writer(out, folding);
  bool in_options = true;
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const std::string& word = entry.arguments[i];
    const bool is_option = in_options && word.size() > 1 && word.front() == '-' && word != "--";
    if (!is_option) in_options = false;
    if (is_option && word.ends_with('o') && i + 1 < entry.arguments.size()) {
      writer.add(word + " " + normal_setting(entry.arguments[++i], expand), /*wrap_before=*/true);
      writer.wrap_next();
    } else {
      const bool is_group = lookup::strip_braces(word).size() != word.size();
      writer.add(is_group ? fmt::format("{{{}}}", lookup::strip_braces(word)) : word,
                 /*wrap_before=*/false);
    }
  }
  return out.substr(indent);
}

std::string format_service(const ServiceEntry& entry, Folding folding, const ExpandValue& expand) {
  const std::array<std::string_view, 7> columns = {
      entry.name,   entry.type,   entry.is_private,   entry.unprivileged,
      entry.chroot, entry.wakeup, entry.process_limit};
  std::string out;
  for (size_t i = 0; i < columns.size(); ++i) {
    out += columns[i];
    out.append(out.size() < kColumns[i + 1] ? kColumns[i + 1] - out.size() : 1, ' ');
  }
  return out + format_command(entry, folding, expand, out.size());
}

namespace {

/// A daemon option among the arguments of an entry: which words it takes, and what an -o sets.
struct Option {
  size_t first = 0;
  size_t count = 1;
  std::string_view name;  ///< of an -o; empty for other options
};

/// The options at the front of `arguments`, in order.
std::vector<Option> find_options(const std::vector<std::string>& arguments) {
  std::vector<Option> options;
  size_t i = 0;
  while (i < arguments.size()) {
    const std::string_view word = arguments[i];
    if (word.size() < 2 || word.front() != '-' || word == "--") break;
    Option option{.first = i, .count = 1, .name = {}};
    const size_t letter = word.find('o');
    if (letter != std::string_view::npos) {
      std::string_view setting = word.substr(letter + 1);
      if (setting.empty() && i + 1 < arguments.size()) {
        option.count = 2;
        setting = arguments[i + 1];
      }
      option.name = lookup::split_name_value(lookup::strip_braces(setting)).name;
    }
    i += option.count;
    options.push_back(option);
  }
  return options;
}

void erase_words(std::vector<std::string>& words, const Option& option) {
  const auto first = words.begin() + static_cast<std::ptrdiff_t>(option.first);
  words.erase(first, first + static_cast<std::ptrdiff_t>(option.count));
}

}  // namespace

void set_override(ServiceEntry& entry, std::string_view name, std::string_view value) {
  const std::string setting = format_override(name, value);
  const std::vector<Option> options = find_options(entry.arguments);
  size_t at = options.empty() ? 0 : options.back().first + options.back().count;
  for (auto it = options.rbegin(); it != options.rend(); ++it) {
    if (it->name != name) continue;
    at = it->first;
    erase_words(entry.arguments, *it);
    break;
  }
  const auto place = entry.arguments.begin() + static_cast<std::ptrdiff_t>(at);
  entry.arguments.insert(place, {"-o", setting});
}

bool remove_override(ServiceEntry& entry, std::string_view name) {
  const std::vector<Option> options = find_options(entry.arguments);
  bool found = false;
  for (auto it = options.rbegin(); it != options.rend(); ++it) {
    if (it->name != name) continue;
    erase_words(entry.arguments, *it);
    found = true;
  }
  return found;
}

namespace {

/// Where a path leads when symbolic links are followed; the path itself when it does not exist yet.
std::string follow_links(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string target(resolved);
  std::free(resolved);
  return target;
}

Status write_all(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_from_errno(errno);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd) != 0) return error_from_errno(errno);
  return {};
}

}  // namespace

Status rewrite_file(const std::string& path, std::string_view contents) {
  constexpr mode_t kDefaultMode = 0644;
  const std::string target = follow_links(path);
  const std::string temporary = fmt::format("{}.tmp{}", target, ::getpid());
  struct stat old {};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  const int fd =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return error_from_errno(errno);
  Status status = write_all(fd, contents);
  if (exists && ::fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM && status.ok()) {
    status = error_from_errno(errno);
  }
  if (::fchmod(fd, exists ? old.st_mode & 07777 : kDefaultMode) != 0 && status.ok()) {
    status = error_from_errno(errno);
  }
  if (::close(fd) != 0 && status.ok()) status = error_from_errno(errno);
  if (status.ok() && ::rename(temporary.c_str(), target.c_str()) != 0) {
    status = error_from_errno(errno);
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace barid::config
