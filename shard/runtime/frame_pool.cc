#include "shard/runtime/frame_pool.h"

#include <array>
#include <cstdint>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define BARID_PLAIN_FRAMES 1
#endif
#endif

namespace barid::rt {

#ifdef BARID_PLAIN_FRAMES

void* frame_pool_allocate(size_t bytes) { return ::operator new(bytes); }
void frame_pool_free(void* frame, size_t) noexcept { ::operator delete(frame); }
void frame_pool_trim() noexcept {}

#else

namespace {

constexpr size_t kClassBytes = 64;
constexpr size_t kClassCount = 64;  // up to 4 KiB
constexpr uint32_t kCachedPerClassMax = 256;

struct FreeFrame {
  FreeFrame* next;
};
struct SizeClass {
  FreeFrame* head = nullptr;
  uint32_t count = 0;
};
struct Pool {
  std::array<SizeClass, kClassCount> classes;
  ~Pool() { frame_pool_trim(); }
};
thread_local Pool pool;

size_t class_of(size_t bytes) noexcept { return (bytes + kClassBytes - 1) / kClassBytes; }

}  // namespace

void* frame_pool_allocate(size_t bytes) {
  const size_t index = class_of(bytes);
  if (index >= kClassCount) return ::operator new(bytes);
  SizeClass& size_class = pool.classes[index];
  if (size_class.head == nullptr) return ::operator new(index* kClassBytes);
  FreeFrame* frame = size_class.head;
  size_class.head = frame->next;
  --size_class.count;
  return frame;
}

void frame_pool_free(void* frame, size_t bytes) noexcept {
  const size_t index = class_of(bytes);
  if (index >= kClassCount || pool.classes[index].count >= kCachedPerClassMax) {
    ::operator delete(frame);
    return;
  }
  SizeClass& size_class = pool.classes[index];
  auto* free_frame = static_cast<FreeFrame*>(frame);
  free_frame->next = size_class.head;
  size_class.head = free_frame;
  ++size_class.count;
}

void frame_pool_trim() noexcept {
  for (SizeClass& size_class : pool.classes) {
    while (size_class.head != nullptr) {
      FreeFrame* frame = size_class.head;
      size_class.head = frame->next;
      ::operator delete(frame);
    }
    size_class.count = 0;
  }
}

#endif

}  // namespace barid::rt
