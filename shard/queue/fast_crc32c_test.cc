// CRC-32C: published values, any segmentation; and that RocksDB computes its own with it.
#include "shard/queue/fast_crc32c.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <string>

namespace barid::queue {
namespace {

// RFC 3720 appendix B.4, and the check value of the CRC catalogues.
TEST(FastCrc32c, PublishedValues) {
  const std::string zeros(32, '\0');
  const std::string ones(32, '\xff');
  std::string rising(32, '\0');
  std::iota(rising.begin(), rising.end(), '\0');
  const std::string falling(rising.rbegin(), rising.rend());
  EXPECT_EQ(extend_crc32c(0, zeros.data(), zeros.size()), 0x8a9136aaU);
  EXPECT_EQ(extend_crc32c(0, ones.data(), ones.size()), 0x62a8ab43U);
  EXPECT_EQ(extend_crc32c(0, rising.data(), rising.size()), 0x46dd794eU);
  EXPECT_EQ(extend_crc32c(0, falling.data(), falling.size()), 0x113fdb5cU);
  EXPECT_EQ(extend_crc32c(0, "123456789", 9), 0xe3069283U);
  EXPECT_EQ(extend_crc32c(0x12345678U, "", 0), 0x12345678U);
}

TEST(FastCrc32c, AnySegmentation) {
  std::string text(5000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 131 + i / 7);
  const uint32_t whole = extend_crc32c(0, text.data(), text.size());
  for (const size_t cut : {1U, 7U, 63U, 64U, 1000U, 4999U}) {
    const uint32_t first = extend_crc32c(0, text.data(), cut);
    EXPECT_EQ(extend_crc32c(first, text.data() + cut, text.size() - cut), whole) << cut;
  }
}

// What the dynamic linker gives RocksDB for its checksum is in this program, not in the library.
TEST(FastCrc32c, TakesThePlaceOfTheLibrarysOwn) {
  void* const chosen = dlsym(RTLD_DEFAULT, "_ZN7rocksdb6crc32c6ExtendEjPKcm");
  ASSERT_NE(chosen, nullptr);
  Dl_info of_checksum{};
  Dl_info of_test{};
  ASSERT_NE(dladdr(chosen, &of_checksum), 0);
  static const char kHere = 0;
  ASSERT_NE(dladdr(&kHere, &of_test), 0);
  EXPECT_EQ(of_checksum.dli_fbase, of_test.dli_fbase) << of_checksum.dli_fname;
}

}  // namespace
}  // namespace barid::queue
