// ShortQueue against std::deque: the same sequence after any operations.
#include "shard/schedule/short_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "core/base/rng.h"

namespace barid::schedule {
namespace {

class ShortQueueModel : public testing::TestWithParam<unsigned> {};

TEST_P(ShortQueueModel, AgreesWithDeque) {
  Rng rng(GetParam());
  ShortQueue<std::string> queue;
  std::deque<std::string> model;
  for (int step = 0; step < 2000; ++step) {
    const std::string value = "value " + std::to_string(step) + std::string(rng.below(40), 'x');
    switch (rng.below(model.size() > 12 ? 7 : 5)) {
      case 0:
        queue.push_back(value);
        model.push_back(value);
        break;
      case 1:
        queue.push_front(value);
        model.push_front(value);
        break;
      case 2: {
        const size_t index = rng.below(model.size() + 1);
        queue.insert(index, value);
        model.insert(model.begin() + static_cast<ptrdiff_t>(index), value);
        break;
      }
      case 3:
        if (model.empty()) break;
        EXPECT_EQ(queue.front(), model.front());
        queue.pop_front();
        model.pop_front();
        break;
      default: {
        const auto kept = static_cast<ptrdiff_t>(rng.below(model.size() + 1));
        queue.truncate(queue.begin() + kept);
        model.erase(model.begin() + kept, model.end());
      }
    }
    ASSERT_EQ(queue.size(), model.size()) << "step " << step;
    ASSERT_EQ(queue.empty(), model.empty());
    ASSERT_TRUE(std::equal(queue.begin(), queue.end(), model.begin(), model.end()))
        << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShortQueueModel, testing::Range(0u, 20u));

}  // namespace
}  // namespace barid::schedule
