// Makes and changes the indexed files of barid map, postalias and newaliases. Layer: tools. Blocks.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/index_file.h"
#include "tools/barid/map_options.h"

namespace barid::tools {

struct MapOutcome {
  int status = 0;     ///< exit code, of sysexits.h
  std::string error;  ///< what is wrong; empty = done, or a key that is not there (status 1)
  std::vector<std::string> warnings;
};

/// An indexed table, e.g. hash:/etc/barid/transport.
class MapFile {
 public:
  /// `aliases`: the source is an aliases(5) file.
  MapFile(lookup::IndexType type, std::string name, const MapOptions& options, bool aliases);

  /// A new file from the text file `name`.
  [[nodiscard]] MapOutcome build();
  /// Adds what standard input says, in the source's format.
  [[nodiscard]] MapOutcome insert(std::istream& input);
  /// Takes out the key, or with "-" the keys that the lines of `input` are. Status 1: none there.
  [[nodiscard]] MapOutcome erase(std::string_view key, std::istream& input);

 private:
  class Editor;

  [[nodiscard]] MapOutcome write(Editor& editor, const std::string& model);

  lookup::IndexType type_;
  std::string name_;
  std::string path_;
  const MapOptions& options_;
  bool aliases_;
};

}  // namespace barid::tools
