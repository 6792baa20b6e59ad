// Converts every *.eml file of a directory to 7 bits, into a file beside it that ends with .7bit;
// none is written for a message that cannot be converted. For check_seven_bit.py.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/mail/seven_bit.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: seven_bit_convert DIRECTORY\n");
    return 64;
  }
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".eml") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const barid::ContentRef content = barid::ContentRef::make();
    content->append(bytes);
    const barid::ContentRef converted = barid::to_seven_bit(*content);
    if (!converted) continue;
    std::filesystem::path path = entry.path();
    std::ofstream out(path.replace_extension(".7bit"), std::ios::binary);
    for (const std::string_view span : converted->spans()) out << span;
    if (!out.flush()) return 74;
  }
  return 0;
}
