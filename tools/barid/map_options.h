// The command line of barid map, postmap and postalias. Layer: tools, pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace barid::tools {

struct MapOptions {
  enum class Mode : uint8_t { kBuild, kQuery, kDelete, kInsert, kDump, kHelp };
  Mode mode = Mode::kBuild;
  std::string key;        ///< of a query or a deletion; "-": one a line of standard input
  std::string directory;  ///< -c
  bool json = false;
  bool fold = true;                    ///< -f: keys are kept as they are written
  bool replace = false;                ///< -r: the later of two entries with one key stays
  bool ignore_duplicates = false;      ///< -w: the first stays, and nothing is said
  bool files = false;                  ///< -F: values name files, whose content is kept in base64
  bool inherit_mode = true;            ///< -p: permissions are not those of the source
  bool as_owner = true;                ///< -o: a file that root makes stays root's
  bool with_nul = true;                ///< -n: no NUL at the end of keys and values
  bool headers = false, body = false;  ///< -h, -b: standard input is a message
  std::vector<std::string> tables;
};

/// Empty = good; else what is wrong with the arguments.
[[nodiscard]] std::string parse_map_options(std::span<const char* const> arguments,
                                            MapOptions* options);

}  // namespace barid::tools
