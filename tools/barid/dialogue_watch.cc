#include "tools/barid/dialogue_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/json.h"

namespace barid::tools {
namespace {

constexpr size_t kKeptBytesMax = 256 * 1024;  // a watcher
constexpr Duration kForget = std::chrono::seconds(10);

bool is_meant(const DialogueWatch::Request& request, const smtp::DialogueParty& party) {
  if (request.of_clients != party.is_client) return false;
  return std::any_of(request.names.begin(), request.names.end(), [&](const std::string& name) {
    return text::equals_ignore_case(name, party.name) ||
           text::equals_ignore_case(name, party.address);
  });
}

}  // namespace

void DialogueWatch::drop_forgotten() {
  const MonoTime now = reactor_.now();
  watchers_.remove_if([&](const Watcher& one) { return now - one.collected > kForget; });
}

std::string DialogueWatch::collect(const Request& request) {
  drop_forgotten();
  auto found = std::find_if(watchers_.begin(), watchers_.end(),
                            [&](const Watcher& one) { return one.request.id == request.id; });
  if (found == watchers_.end()) {
    if (watchers_.size() >= kWatchersMax) return {};
    watchers_.push_back({.request = request, .lines = {}, .left_out = 0, .collected = {}});
    found = std::prev(watchers_.end());
  }
  found->collected = reactor_.now();
  std::string lines = std::move(found->lines);
  found->lines.clear();
  if (found->left_out > 0) {
    lines += fmt::format("{{\"left_out\": {}}}\n", found->left_out);
    found->left_out = 0;
  }
  return lines;
}

void DialogueWatch::on_dialogue(const smtp::DialogueParty& party, bool sent,
                                std::string_view lines) {
  for (Watcher& watcher : watchers_) {
    if (!is_meant(watcher.request, party)) continue;
    for (std::string_view rest = lines; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = text::trim_right(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (watcher.lines.size() + line.size() > kKeptBytesMax) {
        ++watcher.left_out;
        continue;
      }
      watcher.lines += fmt::format("{{\"time\": {}, \"session\": {}, \"peer\": ",
                                   unix_seconds(reactor_.wall_now()), party.session);
      text::append_json_string(watcher.lines, fmt::format("{}[{}]", party.name, party.address));
      watcher.lines += sent ? ", \"sent\": true, \"line\": " : ", \"sent\": false, \"line\": ";
      text::append_json_string(watcher.lines,
                               line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
      watcher.lines += "}\n";
    }
  }
}

}  // namespace barid::tools
