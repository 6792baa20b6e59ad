// Asks all shards the same question and waits for their answers. Messages, not closures: what is
// asked is plain data owned here until the reply.
// Layer: tools. Called on a shard's thread.
#pragma once

#include <algorithm>
#include <vector>

#include "shard/runtime/event.h"
#include "tools/barid/shard.h"

namespace barid::tools {

/// One answer a shard, in the order of the shards; a shard whose ring is full answers with T{}.
/// `ask` is called on each shard's own thread with its insides and its index; it and all that it
/// refers to is borrowed until the answer is there.
template <typename T, typename F>
rt::Task<std::vector<T>> gather_each(Shard::Inside& inside, const F& ask) {
  struct Question {
    const F* ask = nullptr;
    size_t index = 0;
    T answer{};
    rt::Event* done = nullptr;
    uint32_t* missing = nullptr;
  };
  std::vector<Question> questions(shard_port(inside).shards_count());
  rt::Event done(shard_reactor(inside));
  auto missing = static_cast<uint32_t>(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    questions[i].ask = &ask;
    questions[i].index = i;
    questions[i].done = &done;
    questions[i].missing = &missing;
    rt::ShardMessage message;
    message.words[0] = reinterpret_cast<uint64_t>(&questions[i]);
    message.handle = [](void* receiver, const rt::ShardMessage& asked) {
      auto* question = reinterpret_cast<Question*>(asked.words[0]);
      Shard::Inside& remote = shard_of(receiver);
      question->answer = (*question->ask)(remote, question->index);
      rt::ShardMessage reply;
      reply.words[0] = asked.words[0];
      reply.handle = [](void*, const rt::ShardMessage& answered) {
        auto* asked_question = reinterpret_cast<Question*>(answered.words[0]);
        if (--*asked_question->missing == 0) asked_question->done->set();
      };
      BARID_ASSERT(shard_port(remote).send(asked.from, reply));
    };
    if (!shard_port(inside).send(static_cast<uint16_t>(i), message)) --missing;
  }
  while (missing > 0) static_cast<void>(co_await done.wait_for(std::chrono::seconds(1)));
  std::vector<T> answers;
  for (Question& question : questions) answers.push_back(std::move(question.answer));
  co_return answers;
}

/// Something is started on the shard that has `partition`, and asked there until it is done:
/// neither shard touches what the other one writes. False: it could not be started.
template <typename Start, typename IsDone>
rt::Task<bool> run_at_owner(Shard::Inside& inside, uint16_t partition, const Start& start,
                            const IsDone& is_done) {
  constexpr Duration kFirstPoll = std::chrono::milliseconds(2);
  constexpr Duration kPollMax = std::chrono::milliseconds(50);
  const auto owner = static_cast<uint16_t>(partition % shard_port(inside).shards_count());
  const auto begin = [&start, owner](Shard::Inside& shard, size_t index) {
    return index != owner || start(shard);
  };
  const auto ask = [&is_done, owner](Shard::Inside&, size_t index) {
    return index != owner || is_done();
  };
  const std::vector<bool> started = co_await gather_each<bool>(inside, begin);
  if (!started[owner]) co_return false;
  for (Duration pause = kFirstPoll;; pause = std::min(pause * 2, kPollMax)) {
    co_await rt::Sleep(shard_reactor(inside), shard_reactor(inside).now() + pause);
    const std::vector<bool> done = co_await gather_each<bool>(inside, ask);
    if (done[owner]) co_return true;
  }
}

template <typename T>
rt::Task<std::vector<T>> gather(Shard::Inside& inside, T (*ask)(Shard::Inside&)) {
  const auto each = [ask](Shard::Inside& one, size_t) { return ask(one); };
  co_return co_await gather_each<T>(inside, each);
}

}  // namespace barid::tools
