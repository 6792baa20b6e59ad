// A double-ended queue that costs nothing while it is empty, and little while it is short: there
// are several for each destination and site, tens of thousands of them, most with an entry or none.
// (std::deque takes 576 bytes before its first element.)
// Layer: shard/schedule, pure.
#pragma once

#include <boost/container/deque.hpp>

namespace barid::schedule {

template <typename T>
using ShortQueue =
    boost::container::deque<T, void,
                            boost::container::deque_options_t<boost::container::block_bytes<256u>>>;

}  // namespace barid::schedule
