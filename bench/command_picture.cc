// barid-bench picture
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "bench/commands.h"
#include "bench/picture.h"
#include "bench/subprocess.h"

namespace barid::bench {
namespace {

struct Arguments {
  std::string barid = "barid";
  std::string directory;
  std::string only;
  double seconds = 20;
  uint32_t rate = 200;
};

int run(const Arguments& arguments) {
  const auto program = find_program(arguments.barid);
  if (!program) {
    fmt::print(stderr, "barid-bench: no executable {}\n", arguments.barid);
    return kExitUnavailable;
  }
  std::error_code error;
  std::filesystem::create_directories(arguments.directory, error);
  bool any = false;
  for (const PictureCase& picture : picture_cases()) {
    if (!arguments.only.empty() && arguments.only != picture.name) continue;
    any = true;
    std::string scratch =
        (std::filesystem::temp_directory_path() / "barid-picture-XXXXXX").string();
    if (::mkdtemp(scratch.data()) == nullptr) {
      std::perror("barid-bench: mkdtemp");
      return kExitUnavailable;
    }
    const auto drawn = draw_picture(picture, {.barid = *program,
                                              .self = "/proc/self/exe",
                                              .directory = scratch,
                                              .rate = arguments.rate,
                                              .seconds = arguments.seconds});
    std::filesystem::remove_all(scratch, error);
    const std::string path = arguments.directory + "/" + picture.name + ".svg";
    const absl::Status status = drawn.ok() ? write_file(path, *drawn) : drawn.status();
    if (!status.ok()) {
      fmt::print(stderr, "barid-bench: {}: {}\n", picture.name, std::string(status.message()));
      return kExitUnavailable;
    }
    fmt::print("{}\n", path);
  }
  if (any) return kExitOk;
  fmt::print(stderr, "barid-bench: there is no picture \"{}\"; there are:", arguments.only);
  for (const PictureCase& picture : picture_cases()) fmt::print(stderr, " {}", picture.name);
  fmt::print(stderr, "\n");
  return kExitUsage;
}

}  // namespace

std::function<int()> add_picture_command(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "picture", "draw window, connections and rate over time at a site that misbehaves");
  command->add_option("directory", arguments->directory, "where the .svg files go")->required();
  command->add_option("--barid", arguments->barid, "the program")->capture_default_str();
  command->add_option("--only", arguments->only, "one picture");
  command->add_option("--seconds", arguments->seconds, "of each")->capture_default_str();
  command->add_option("--rate", arguments->rate, "messages a second, offered")
      ->capture_default_str();
  command->footer("Example:\n  barid-bench picture --barid build/release/bin/barid docs/pictures");
  return [arguments] { return run(*arguments); };
}

}  // namespace barid::bench
