// Goal: what a shard logs reaches the file, whole and in order; what does not fit is counted and
// said so; nothing ever blocks the shard. Method: real files and pipes, real threads, conditions
// instead of sleeps.
#include "core/obs/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/obs/log.h"

namespace barid {
namespace {

using namespace std::chrono_literals;

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "barid_log_XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

size_t count_lines(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Runs a writer on a thread and joins it at the end.
class Running {
 public:
  explicit Running(LogWriter& writer) : writer_(writer), thread_([&writer] { writer.run(); }) {}
  ~Running() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    writer_.stop();
    thread_.join();
  }

 private:
  LogWriter& writer_;
  std::thread thread_;
};

bool wait_for(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

LogFormat format() { return {.zone = LogZone::kUtc, .host_name = "h"}; }
LogNote note(std::string_view text) { return {.program = LogProgram::kMaster, .text = text}; }

std::string drain(LogBuffer& buffer) {
  std::string out;
  for (std::string_view bytes = buffer.peek(); !bytes.empty(); bytes = buffer.peek()) {
    out += bytes;
    buffer.consume(bytes.size());
  }
  return out;
}

TEST(LogBuffer, ShowsOnlyWhatIsPublished) {
  LogBuffer buffer;
  Log log(format(), buffer);
  log.write({}, note("one"));
  EXPECT_EQ(drain(buffer), "");
  log.publish();
  EXPECT_EQ(drain(buffer), "Jan  1 00:00:00 h postfix/master[0]: one\n");
  EXPECT_EQ(drain(buffer), "");
}

TEST(LogBuffer, KeepsOrderThroughManyChunks) {
  LogBuffer buffer(nullptr, 2);
  Log log(format(), buffer);
  std::string want;
  std::string got;
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = std::to_string(i);
    log.write({}, note(text));
    want += "Jan  1 00:00:00 h postfix/master[0]: " + text + "\n";
    if (i % 100 == 0) {
      log.publish();
      got += drain(buffer);
    }
  }
  log.publish();
  got += drain(buffer);
  EXPECT_EQ(got, want);
  EXPECT_EQ(log.lines_lost(), 0u);
}

TEST(LogBuffer, LosesAndReportsWhenFull) {
  LogBuffer buffer(nullptr, 2);
  Log log(format(), buffer);
  const std::string text(500, 'x');
  constexpr uint64_t kLines = 2 * kLogChunkBytes / 500;
  for (uint64_t i = 0; i < kLines; ++i) log.write({}, note(text));
  log.publish();
  const uint64_t lost = log.lines_lost();
  ASSERT_GT(lost, 0u);
  ASSERT_LT(lost, kLines / 4);  // almost all of the memory is used
  EXPECT_EQ(count_lines(drain(buffer)), kLines - lost);
  log.write({}, note("after"));
  log.publish();
  EXPECT_EQ(drain(buffer),
            "Jan  1 00:00:00 h postfix/postlogd[0]: warning: " + std::to_string(lost) +
                " log lines lost\nJan  1 00:00:00 h postfix/master[0]: after\n");
  log.publish();
  EXPECT_EQ(drain(buffer), "");
  EXPECT_EQ(log.lines_lost(), lost);
}

TEST(LogBuffer, LossIsReportedWithoutAnotherLine) {
  LogBuffer buffer(nullptr, 2);
  Log log(format(), buffer);
  while (log.lines_lost() == 0) log.write({}, note("x"));
  drain(buffer);
  log.publish();
  EXPECT_EQ(drain(buffer), "Jan  1 00:00:00 h postfix/postlogd[0]: warning: 1 log line lost\n");
}

TEST(LogWriter, WritesEverythingBeforeItStops) {
  const TempDir dir;
  auto writer = LogWriter::open({.path = dir.file("log")});
  ASSERT_TRUE(writer.ok());
  Log log(format(), (*writer)->add_buffer());
  {
    Running running(**writer);
    for (int i = 0; i < 1000; ++i) {
      log.write({}, note("line"));
      if (i % 10 == 9) log.publish();
    }
  }
  EXPECT_EQ(count_lines(content(dir.file("log"))), 1000u);
  struct stat status {};
  ASSERT_EQ(stat(dir.file("log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

// Lines of several shards at full speed: each shard's own stay in order, none is torn or lost.
TEST(LogWriter, SeveralProducers) {
  constexpr int kShards = 3;
  constexpr int kLines = 30'000;
  const TempDir dir;
  auto writer = LogWriter::open({.path = dir.file("log"), .gather = 1ms});
  ASSERT_TRUE(writer.ok());
  std::vector<std::unique_ptr<Log>> logs;
  for (int shard = 0; shard < kShards; ++shard) {
    logs.push_back(std::make_unique<Log>(format(), (*writer)->add_buffer()));
  }
  {
    Running running(**writer);
    std::vector<std::thread> producers;
    for (int shard = 0; shard < kShards; ++shard) {
      producers.emplace_back([&log = *logs[static_cast<size_t>(shard)], shard] {
        for (int i = 0; i < kLines; ++i) {
          const std::string text = std::to_string(i);
          log.write({.pid = static_cast<uint32_t>(shard)}, note(text));
          if (i % 7 == 0) log.publish();
        }
        log.publish();
      });
    }
    for (std::thread& producer : producers) producer.join();
  }
  std::istringstream lines(content(dir.file("log")));
  std::array<int, kShards> next{};
  for (std::string line; std::getline(lines, line);) {
    unsigned shard = 99;
    int number = -1;
    ASSERT_EQ(
        std::sscanf(line.c_str(), "Jan  1 00:00:00 h postfix/master[%u]: %d", &shard, &number), 2)
        << line;
    ASSERT_LT(shard, static_cast<unsigned>(kShards));
    ASSERT_EQ(number, next[shard]++);
  }
  for (const int count : next) EXPECT_EQ(count, kLines);
  for (const auto& log : logs) EXPECT_EQ(log->lines_lost(), 0u);
}

// Lines one by one: the writer is asleep when they come (no pause), or in its pause.
TEST(LogWriter, WakesForOneLine) {
  for (const std::chrono::milliseconds gather : {0ms, 5ms}) {
    const TempDir dir;
    auto writer = LogWriter::open({.path = dir.file("log"), .gather = gather});
    ASSERT_TRUE(writer.ok());
    Log log(format(), (*writer)->add_buffer());
    Running running(**writer);
    for (size_t i = 1; i <= 50; ++i) {
      log.write({}, note("line"));
      log.publish();
      ASSERT_TRUE(wait_for([&] { return count_lines(content(dir.file("log"))) == i; }));
    }
  }
}

TEST(LogWriter, ReopensForRotation) {
  const TempDir dir;
  auto writer = LogWriter::open({.path = dir.file("log")});
  ASSERT_TRUE(writer.ok());
  Log log(format(), (*writer)->add_buffer());
  Running running(**writer);
  log.write({}, note("old"));
  log.publish();
  ASSERT_TRUE(wait_for([&] { return count_lines(content(dir.file("log"))) == 1; }));
  std::filesystem::rename(dir.file("log"), dir.file("log.1"));
  ASSERT_TRUE((*writer)->reopen().ok());
  ASSERT_TRUE((*writer)->reopen().ok());  // twice before it is noticed: harmless
  ASSERT_TRUE(wait_for([&] {
    log.write({}, note("new"));
    log.publish();
    return count_lines(content(dir.file("log"))) >= 1;
  }));
  running.stop();
  EXPECT_TRUE(content(dir.file("log.1")).starts_with("Jan  1 00:00:00 h postfix/master[0]: old\n"));
}

TEST(LogWriter, FailedReopenKeepsTheOldFile) {
  const TempDir dir;
  const std::string sub = dir.file("sub");
  std::filesystem::create_directory(sub);
  auto writer = LogWriter::open({.path = sub + "/log"});
  ASSERT_TRUE(writer.ok());
  Log log(format(), (*writer)->add_buffer());
  std::filesystem::rename(sub, dir.file("moved"));
  const Status reopened = (*writer)->reopen();
  ASSERT_FALSE(reopened.ok());
  EXPECT_EQ(reopened.error().code, Code::kNotFound);
  {
    Running running(**writer);
    log.write({}, note("line"));
    log.publish();
  }
  EXPECT_EQ(count_lines(content(dir.file("moved") + "/log")), 1u);
}

TEST(LogWriter, OpenErrorsNameTheCause) {
  const auto missing = LogWriter::open({.path = "/nonexistent-directory/log"});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().error_number, ENOENT);
}

// A full device: the writer keeps the bytes, tries again, and counts what it gives up at the stop.
TEST(LogWriter, FullDeviceIsCounted) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  auto writer = LogWriter::open({.path = "/dev/full", .stop_patience = 100ms});
  ASSERT_TRUE(writer.ok());
  Log log(format(), (*writer)->add_buffer());
  Running running(**writer);
  for (int i = 0; i < 5; ++i) log.write({}, note("line"));
  log.publish();
  ASSERT_TRUE(wait_for([&] { return (*writer)->write_errors() > 0; }));
  running.stop();
  EXPECT_EQ((*writer)->lines_given_up(), 5u);
}

// A pipe whose reader stalls: the writer stops all the same, and what the reader got is whole
// lines.
TEST(LogWriter, StalledPipeDoesNotHoldUpTheStop) {
  const TempDir dir;
  ASSERT_EQ(mkfifo(dir.file("pipe").c_str(), 0600), 0);
  const LogFd reader(::open(dir.file("pipe").c_str(), O_RDONLY | O_NONBLOCK));
  auto writer = LogWriter::open({.path = dir.file("pipe"), .stop_patience = 200ms});
  ASSERT_TRUE(writer.ok());
  Log log(format(), (*writer)->add_buffer());
  constexpr uint64_t kLines = 10'000;
  {
    Running running(**writer);
    for (uint64_t i = 0; i < kLines; ++i)
      log.write({}, note("a line of some length, to fill the pipe"));
    log.publish();
  }
  std::string got;
  char bytes[4096];
  for (ssize_t n = 0; (n = read(reader.get(), bytes, sizeof bytes)) > 0;) {
    got.append(bytes, static_cast<size_t>(n));
  }
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got.back(), '\n');
  EXPECT_EQ(count_lines(got) + (*writer)->lines_given_up() + log.lines_lost(), kLines);
  EXPECT_GT((*writer)->lines_given_up(), 0u);
}

// With a slow reader the shard loses lines, never waits, and the log says how many are missing.
TEST(LogWriter, SlowReaderLosesCountedLines) {
  const TempDir dir;
  ASSERT_EQ(mkfifo(dir.file("pipe").c_str(), 0600), 0);
  const LogFd reader(::open(dir.file("pipe").c_str(), O_RDONLY | O_NONBLOCK));
  auto writer = LogWriter::open({.path = dir.file("pipe"), .chunk_count_max = 2});
  ASSERT_TRUE(writer.ok());
  Log log(format(), (*writer)->add_buffer());
  Running running(**writer);
  uint64_t written = 0;
  for (; log.lines_lost() < 100; ++written) log.write({}, note("line"));
  log.publish();
  std::string got;
  const auto read_some = [&] {
    char bytes[4096];
    for (ssize_t n = 0; (n = read(reader.get(), bytes, sizeof bytes)) > 0;) {
      got.append(bytes, static_cast<size_t>(n));
    }
    log.publish();
    return got.find("log lines lost") != std::string::npos;
  };
  ASSERT_TRUE(wait_for(read_some));
  EXPECT_NE(got.find("warning: 100 log lines lost\n"), std::string::npos);
  EXPECT_EQ(count_lines(got), written - 100 + 1);
}

}  // namespace
}  // namespace barid
