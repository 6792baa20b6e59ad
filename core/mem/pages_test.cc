// Goal: what is moved arrives whole, its memory is given back meanwhile, and no byte beside it is
// lost. Method: texts at every offset in a page, the process's resident memory.
#include "core/mem/pages.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace barid {
namespace {

std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  size_t total = 0;
  size_t resident = 0;
  EXPECT_EQ(std::fscanf(file, "%zu %zu", &total, &resident), 2);
  std::fclose(file);
  return resident * 4096;
}

TEST(Pages, MovedWhole) {
  for (const size_t size : {size_t{0}, size_t{1}, kReleaseBytesMin - 1, kReleaseBytesMin,
                            kReleaseBytesMin + 1, 3 * kReleaseBytesMin + 4711}) {
    for (const size_t offset : {0, 1, 100, 4095}) {
      const std::string whole = "<" + std::string(offset, '.') + pattern(size) + ">";
      std::string source = whole;
      std::string out = "x";
      move_bytes(out, std::string_view(source).substr(1 + offset, size));
      EXPECT_EQ(out, "x" + whole.substr(1 + offset, size)) << size << ' ' << offset;
      EXPECT_EQ(source.substr(0, 1 + offset), whole.substr(0, 1 + offset));
      EXPECT_EQ(source.back(), '>');
      if (size > 0) {
        EXPECT_EQ(source[1 + offset], whole[1 + offset]);
      }
    }
  }
}

TEST(Pages, WhatWasMovedIsGivenBack) {
  constexpr size_t kBytes = size_t{64} << 20;
  std::string source = pattern(kBytes);
  const size_t before = resident_bytes();
  std::string out;
  move_bytes(out, source);
  EXPECT_LT(resident_bytes(), before + kBytes / 4);
  EXPECT_EQ(out, pattern(kBytes));
}

}  // namespace
}  // namespace barid
