// Goal: what shards tell each other about sites arrives once, at the right share, in order; windows
// hold over all shards; lent memory comes back; a shard that does not keep up loses nothing.
// Method: several links on one mesh, stepped on one thread; shares that record what they are told.
// Then random use of few sites by many shares against the invariants.
#include "shard/schedule/governor_link.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/rng.h"
#include "shard/runtime/test_shard.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

/// Keeps what it was granted until told to give it back, as a site with busy leases does.
struct Share final : SiteShare {
  void on_grant(uint32_t leases, uint32_t messages) override {
    held += leases;
    tokens += messages;
    update.leases_wanted -= std::min(update.leases_wanted, leases);
    update.messages_wanted -= std::min(update.messages_wanted, messages);
    ++calls;
  }
  void on_recall(uint32_t leases) override {
    recalled += leases;
    ++calls;
  }
  void on_health(MonoTime until, const SiteTrouble& trouble) override {
    dead_until = until;
    reason = trouble.text;
    if (until != MonoTime{}) update.leases_wanted = update.messages_wanted = 0;
    ++calls;
  }
  ShareUpdate take_update() override {
    ShareUpdate taken = std::move(update);
    update = ShareUpdate{};
    update.leases_wanted = taken.leases_wanted;
    update.messages_wanted = taken.messages_wanted;
    return taken;
  }
  void want(uint32_t leases, uint32_t messages = 0) {
    update.leases_wanted = leases;
    update.messages_wanted = messages;
  }
  void give_back(uint32_t leases) {
    held -= leases;
    recalled -= std::min(recalled, leases);
    update.leases_back += leases;
  }
  void fail(const std::string& text) {
    ++update.failures;
    update.trouble = std::make_unique<SiteTrouble>(SiteTrouble{.dsn = {4, 4, 1}, .text = text});
  }

  ShareUpdate update;
  uint32_t held = 0, tokens = 0, recalled = 0;
  MonoTime dead_until{};
  std::string reason;
  int calls = 0;
};

struct Node final : GovernorHost {
  Node(rt::Mesh& mesh, uint16_t self)
      : port(mesh, self, shard.reactor, static_cast<GovernorHost*>(this)),
        link(shard.reactor, &port) {}
  GovernorLink& governor_link() override { return link; }
  rt::TestShard shard;
  rt::Mesh::Port port;
  GovernorLink link;
};

struct Rig {
  explicit Rig(uint16_t count) : mesh(count) {
    for (uint16_t i = 0; i < count; ++i) nodes.push_back(std::make_unique<Node>(mesh, i));
  }
  /// Until nobody has anything to say at this time.
  void settle() {
    for (int quiet = 0, turns = 0; quiet < 3; ++turns) {
      ASSERT_LT(turns, 10'000) << "they talk for ever";
      bool any = false;
      for (const auto& node : nodes) any = node->shard.reactor.turn(Duration::zero()) || any;
      quiet = any ? 0 : quiet + 1;
    }
  }
  void advance(Duration by) {
    for (const MonoTime end = now() + by; now() < end;) {
      const Duration step = std::min<Duration>(100ms, end - now());
      for (const auto& node : nodes) node->shard.clock.now += step;
      settle();
    }
  }
  GovernorLink& link(size_t node) { return nodes[node]->link; }
  MonoTime now() const { return nodes.front()->shard.clock.now; }
  size_t lent() const {
    size_t sum = 0;
    for (const auto& node : nodes) sum += node->link.lent_count();
    return sum;
  }
  /// The node whose governor has this site.
  size_t home_of(std::string_view key) const {
    size_t home = SIZE_MAX;
    for (size_t i = 0; i < nodes.size(); ++i) {
      nodes[i]->link.governor().for_each([&](const Governor::View& view) {
        if (view.key != key) return;
        EXPECT_EQ(home, SIZE_MAX) << "two homes of " << key;
        home = i;
      });
    }
    return home;
  }
  Governor::View view_of(std::string_view key) const {
    Governor::View found;
    nodes[home_of(key)]->link.governor().for_each([&](const Governor::View& view) {
      if (view.key == key) found = view;
    });
    return found;
  }

  rt::Mesh mesh;
  std::vector<std::unique_ptr<Node>> nodes;
};

SitePolicy limit_of(uint32_t limit) { return {.window = {.initial = limit, .limit = limit}}; }

/// A site key whose home is another node than `node`.
std::string key_elsewhere(Rig& rig, size_t node) {
  for (int i = 0;; ++i) {
    Share share;
    const std::string key = "far" + std::to_string(i);
    rig.link(node).open(share, key, limit_of(1));
    rig.settle();
    const size_t home = rig.home_of(key);
    rig.link(node).close(share);
    rig.settle();
    rig.advance(61s);  // forgotten, with its window
    if (home != node) return key;
  }
}

TEST(GovernorLink, EverySiteHasOneHomeAndAllHomesAreUsed) {
  Rig rig(4);
  std::vector<std::unique_ptr<Share>> shares;
  std::set<size_t> homes;
  for (int site = 0; site < 40; ++site) {
    const std::string key = "mx" + std::to_string(site) + ".example";
    for (size_t node = 0; node < 4; ++node) {
      rig.link(node).open(*shares.emplace_back(std::make_unique<Share>()), key, limit_of(2));
    }
    rig.settle();
    homes.insert(rig.home_of(key));
  }
  EXPECT_EQ(homes.size(), 4u);
  EXPECT_EQ(rig.lent(), 0u);
  for (size_t i = 0; i < shares.size(); ++i) rig.link(i % 4).close(*shares[i]);
  rig.settle();
  rig.advance(61s);
  for (size_t node = 0; node < 4; ++node) EXPECT_EQ(rig.link(node).governor().sites_count(), 0u);
}

TEST(GovernorLink, AloneItIsHeardAtOnce) {
  rt::TestShard shard;
  GovernorLink link(shard.reactor, nullptr);
  Share share;
  link.open(share, "mx", limit_of(3));
  share.want(5);
  link.mark(share);
  EXPECT_EQ(share.held, 3u);
  EXPECT_EQ(link.messages_sent(), 0u);
  link.close(share);
  shard.turn();
  EXPECT_EQ(link.lent_count(), 0u);
}

TEST(GovernorLink, TheWindowIsOneForAllShards) {
  Rig rig(3);
  Share shares[3];
  for (size_t node = 0; node < 3; ++node) {
    rig.link(node).open(shares[node], "mx", limit_of(6));
    shares[node].want(6);
    rig.link(node).mark(shares[node]);
  }
  rig.settle();
  EXPECT_EQ(shares[0].held + shares[1].held + shares[2].held, 6u);
  // Whoever has more than its part is asked to give; then each has two.
  for (Share& share : shares) {
    const size_t node = static_cast<size_t>(&share - shares);
    if (share.recalled == 0) continue;
    share.give_back(share.recalled);
    rig.link(node).mark(share);
  }
  rig.settle();
  for (const Share& share : shares) EXPECT_EQ(share.held, 2u);
  for (size_t node = 0; node < 3; ++node) rig.link(node).close(shares[node]);
  rig.settle();
  EXPECT_EQ(rig.view_of("mx").leased, 0u);
}

TEST(GovernorLink, MarkedOftenItIsAskedOnceATurn) {
  Rig rig(2);
  const std::string key = key_elsewhere(rig, 0);
  Share share;
  rig.link(0).open(share, key, limit_of(3));
  rig.settle();
  const uint64_t before = rig.link(0).messages_sent();
  for (int i = 0; i < 100; ++i) {
    ++share.update.successes;
    rig.link(0).mark(share);
  }
  rig.settle();
  EXPECT_EQ(rig.link(0).messages_sent() - before, 1u);
  rig.link(0).close(share);
  rig.settle();
}

TEST(GovernorLink, WhatWasOnItsWayToAClosedShareReachesNobody) {
  Rig rig(2);
  const std::string key = key_elsewhere(rig, 0);
  Share first;
  rig.link(0).open(first, key, limit_of(4));
  first.want(4);
  rig.link(0).mark(first);
  rig.nodes[0]->shard.turn();  // sent
  rig.nodes[1]->shard.turn();  // granted, on its way back
  rig.link(0).close(first);
  Share second;  // takes the slot of the first
  rig.link(0).open(second, key, limit_of(4));
  rig.settle();
  EXPECT_EQ(first.calls, 0);
  EXPECT_EQ(second.calls, 0);
  EXPECT_EQ(rig.view_of(key).leased, 0u);  // closing gave them back
  second.want(4);
  rig.link(0).mark(second);
  rig.settle();
  EXPECT_EQ(second.held, 4u);
  rig.link(0).close(second);
  rig.settle();
  EXPECT_EQ(rig.lent(), 0u);
}

TEST(GovernorLink, ASlotUsedForAnotherSiteKeepsThemApart) {
  Rig rig(3);
  Share first, second;
  rig.link(0).open(first, "one", limit_of(2));
  first.want(2);
  rig.link(0).mark(first);
  rig.link(0).close(first);
  rig.link(0).open(second, "another", limit_of(3));
  second.want(3);
  rig.link(0).mark(second);
  rig.settle();
  EXPECT_EQ(second.held, 3u);
  EXPECT_EQ(rig.view_of("one").leased, 0u);
  EXPECT_EQ(rig.view_of("another").leased, 3u);
  rig.link(0).close(second);
  rig.settle();
}

TEST(GovernorLink, DeathIsToldToAllAndToThoseWhoComeLater) {
  Rig rig(3);
  Share shares[3];
  for (size_t node = 0; node < 2; ++node) rig.link(node).open(shares[node], "mx", limit_of(1));
  rig.settle();
  shares[0].fail("connect to mx: refused");
  rig.link(0).mark(shares[0]);
  rig.settle();
  rig.link(2).open(shares[2], "mx", limit_of(1));
  rig.settle();
  for (const Share& share : shares) {
    EXPECT_EQ(share.dead_until, rig.now() + 300s);
    EXPECT_EQ(share.reason, "connect to mx: refused");
  }
  // Nothing is granted until the time is over; then it starts by itself for those who still want.
  shares[1].want(1);
  rig.link(1).mark(shares[1]);
  rig.advance(299s);
  EXPECT_EQ(shares[1].held, 0u);
  rig.advance(2s);
  EXPECT_EQ(shares[1].held, 1u);
  EXPECT_EQ(rig.lent(), 0u);
  for (size_t node = 0; node < 3; ++node) rig.link(node).close(shares[node]);
  rig.settle();
}

TEST(GovernorLink, ReviveAllReachesEveryHome) {
  Rig rig(4);
  std::vector<std::unique_ptr<Share>> shares;
  for (int site = 0; site < 20; ++site) {
    Share& share = *shares.emplace_back(std::make_unique<Share>());
    rig.link(0).open(share, "mx" + std::to_string(site), limit_of(1));
    share.fail("gone");
    rig.link(0).mark(share);
  }
  rig.settle();
  for (const auto& share : shares) EXPECT_GT(share->dead_until, rig.now());
  rig.link(3).revive_all();
  rig.settle();
  for (const auto& share : shares) {
    EXPECT_EQ(share->dead_until, MonoTime{});
    share->want(1);
    rig.link(0).mark(*share);
  }
  rig.settle();
  for (const auto& share : shares) EXPECT_EQ(share->held, 1u);
  for (const auto& share : shares) rig.link(0).close(*share);
  rig.settle();
  EXPECT_EQ(rig.lent(), 0u);
}

TEST(GovernorLink, ASmallerLimitRecallsWhatIsOut) {
  Rig rig(2);
  Share shares[2];
  for (size_t node = 0; node < 2; ++node) {
    rig.link(node).open(shares[node], "mx", limit_of(8));
    shares[node].want(4);
    rig.link(node).mark(shares[node]);
  }
  rig.settle();
  ASSERT_EQ(shares[0].held + shares[1].held, 8u);
  rig.link(0).set_policy(shares[0], "mx", limit_of(2));
  rig.settle();
  EXPECT_EQ(shares[0].recalled, 3u);
  EXPECT_EQ(shares[1].recalled, 3u);
  rig.link(1).set_policy(shares[1], "mx", limit_of(2));
  rig.settle();
  EXPECT_EQ(shares[0].recalled + shares[1].recalled, 6u);  // not twice
  EXPECT_EQ(rig.lent(), 0u);
  for (size_t node = 0; node < 2; ++node) rig.link(node).close(shares[node]);
  rig.settle();
}

TEST(GovernorLink, PacedAnewNobodyWaitsForTheOldRate) {
  Rig rig(2);
  const std::string key = key_elsewhere(rig, 0);
  SitePolicy slow = limit_of(2);
  slow.messages_per_second = 0.001;
  Share share;
  rig.link(0).open(share, key, slow);
  share.want(1, 5);
  rig.link(0).mark(share);
  rig.settle();
  EXPECT_EQ(share.tokens, 1u);
  SitePolicy fast = limit_of(2);
  fast.messages_per_second = 10;
  rig.link(0).set_policy(share, key, fast);
  rig.advance(1s);
  EXPECT_EQ(share.tokens, 5u);
  rig.link(0).close(share);
  rig.settle();
}

TEST(GovernorLink, OneShardsOldPolicyDoesNotMakeItForgetWhatAnotherWants) {
  Rig rig(2);
  SitePolicy paced = limit_of(2);
  paced.messages_per_second = 1;
  Share early, late;
  rig.link(0).open(early, "mx", paced);
  early.want(1, 3);
  rig.link(0).mark(early);
  rig.settle();
  rig.link(1).open(late, "mx", limit_of(2));  // has not reloaded yet
  rig.advance(5s);
  rig.link(1).set_policy(late, "mx", paced);
  rig.advance(5s);
  EXPECT_EQ(early.tokens, 3u);
  rig.link(0).close(early);
  rig.link(1).close(late);
  rig.settle();
}

TEST(GovernorLink, AShardThatSleepsLosesNothingAndCostsLittle) {
  Rig rig(2);
  constexpr size_t kSites = rt::Mesh::kOverflowMax + 4 * rt::Mesh::kRingCapacity;
  std::vector<std::unique_ptr<Share>> shares;
  std::vector<Share*> far;
  for (size_t i = 0; far.size() < kSites; ++i) {
    Share& share = *shares.emplace_back(std::make_unique<Share>());
    const uint64_t before = rig.link(0).messages_sent();
    rig.link(0).open(share, "mx" + std::to_string(i), limit_of(1));
    if (rig.link(0).messages_sent() != before) far.push_back(&share);
  }
  for (int turn = 0; turn < 5; ++turn) {  // the other one sleeps
    for (Share* share : far) {
      share->want(1);
      ++share->update.successes;
      rig.link(0).mark(*share);
    }
    rig.nodes[0]->shard.turn();
  }
  EXPECT_EQ(rig.link(0).messages_sent(), kSites);  // updates wait for the opens, together
  rig.settle();
  for (const Share* share : far) ASSERT_EQ(share->held, 1u);
  EXPECT_EQ(rig.lent(), 0u);
  for (const auto& share : shares) rig.link(0).close(*share);
  rig.settle();
  size_t leased = 0;
  rig.link(1).governor().for_each([&](const Governor::View& view) { leased += view.leased; });
  EXPECT_EQ(leased, 0u);
}

/// Shards that open, close, use, lose and change sites in any order, each turn when it likes.
class Chaos {
 public:
  explicit Chaos(uint64_t seed) : rng_(seed), rig_(static_cast<uint16_t>(1 + rng_.below(8))) {
    limits_.assign(3, 5);
  }

  void run() {
    for (int step = 0; step < 3'000 && !testing::Test::HasFailure(); ++step) {
      act();
      rig_.nodes[rng_.below(rig_.nodes.size())]->shard.turn();
      if (rng_.chance(20)) {
        const Duration by = std::chrono::milliseconds(rng_.below(500));
        for (const auto& node : rig_.nodes) node->shard.clock.now += by;
      }
      check();
    }
    end();
  }

 private:
  static constexpr uint32_t kLimitMax = 8;
  struct User {
    size_t node;
    size_t site;
    std::unique_ptr<Share> share = std::make_unique<Share>();
  };
  std::string key(size_t site) const { return "site" + std::to_string(site); }
  SitePolicy policy(size_t site) const {
    SitePolicy policy = limit_of(limits_[site]);
    policy.window.initial = 2;
    policy.dead_time = 5s;
    return policy;
  }
  User* user_of(size_t node, size_t site) {
    for (User& user : users_) {
      if (user.node == node && user.site == site) return &user;
    }
    return nullptr;
  }

  void act() {
    const size_t node = rng_.below(rig_.nodes.size());
    const size_t site = rng_.below(limits_.size());
    User* user = user_of(node, site);
    if (user == nullptr) {
      users_.push_back({.node = node, .site = site});
      rig_.link(node).open(*users_.back().share, key(site), policy(site));
      return;
    }
    Share& share = *user->share;
    switch (rng_.below(8)) {
      case 0:
        if (share.held > 0) share.give_back(share.held);
        rig_.link(node).close(share);
        std::erase_if(users_, [&](const User& one) { return &one == user; });
        return;
      case 1:
        limits_[site] = static_cast<uint32_t>(1 + rng_.below(kLimitMax));
        rig_.link(node).set_policy(share, key(site), policy(site));
        return;
      case 2:
        share.fail("refused");
        break;
      case 3:
        if (share.held > 0) share.give_back(static_cast<uint32_t>(1 + rng_.below(share.held)));
        break;
      case 4:
        if (rng_.chance(50)) rig_.link(node).revive_all();
        return;
      case 5:
        share.update.successes += 3;
        break;
      default:
        share.want(static_cast<uint32_t>(rng_.below(6)));
    }
    rig_.link(node).mark(share);
  }

  /// What shares have, their home knows of; and it never gives out more than the largest limit.
  void check() {
    for (const auto& node : rig_.nodes) {
      node->link.governor().for_each([&](const Governor::View& view) {
        uint32_t held = 0;
        for (const User& user : users_) held += key(user.site) == view.key ? user.share->held : 0;
        ASSERT_LE(held, view.leased) << view.key;
        ASSERT_LE(view.leased, kLimitMax) << view.key;
      });
    }
  }

  /// Everything comes to rest: nothing out, nothing lent, and the sites work.
  void end() {
    for (User& user : users_) {
      if (user.share->held > 0) user.share->give_back(user.share->held);
      rig_.link(user.node).close(*user.share);
    }
    users_.clear();
    rig_.settle();
    EXPECT_EQ(rig_.lent(), 0u);
    rig_.advance(6s);
    for (size_t site = 0; site < limits_.size(); ++site) {
      Share share;
      const size_t node = rng_.below(rig_.nodes.size());
      rig_.link(node).open(share, key(site), policy(site));
      share.want(1);
      rig_.link(node).mark(share);
      rig_.settle();
      EXPECT_EQ(share.held, 1u) << key(site);
      EXPECT_EQ(rig_.view_of(key(site)).leased, 1u);
      rig_.link(node).close(share);
    }
    rig_.settle();
    EXPECT_EQ(rig_.lent(), 0u);
  }

  Rng rng_;
  Rig rig_;
  std::vector<uint32_t> limits_;  // by site
  std::vector<User> users_;
};

TEST(GovernorLink, InvariantsHoldInAnyOrder) {
  for (uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Chaos(seed).run();
  }
}

}  // namespace
}  // namespace barid::schedule
