// Goal: entries are found by address and id, by their tenant only, listed page by page, and gone
// when they are removed.
// Method: the store twin of the simulation; rows.
#include "http/submit/suppression.h"

#include <gtest/gtest.h>

#include "http/submit/email_id.h"
#include "http/submit/json.h"
#include "http/submit/map_store.h"
#include "http/submit/query.h"
#include "http/submit/suppression_filter.h"

namespace barid::http {
namespace {

Suppression entry(uint64_t number, std::string tenant, std::string email, std::string origin) {
  const QueueId id{.micros = 1'700'000'000'000'000 + number, .partition = 1};
  return {.id = id,
          .name = make_email_id(id, number),
          .tenant = std::move(tenant),
          .email = std::move(email),
          .origin = std::move(origin),
          .created = wall_from_micros(static_cast<int64_t>(id.micros))};
}

TEST(Suppression, FoundListedRemoved) {
  MapStore store;
  const std::vector<const queue::Store*> stores = {&store};
  std::vector<Suppression> entries;
  for (uint64_t n = 0; n < 25; ++n) {
    entries.push_back(entry(n, n % 5 == 4 ? "other" : "acme",
                            "u" + std::to_string(n) + "@x.example",
                            n % 2 == 0 ? "bounce" : "manual"));
    store.apply(suppression_changes(entries.back()));
  }
  const auto find = [&](std::string_view tenant, std::string_view name) {
    return *find_suppression(stores, tenant, name);
  };
  EXPECT_EQ(find("acme", "U3@X.example")->name, entries[3].name);
  EXPECT_EQ(find("acme", entries[3].name)->email, "u3@x.example");
  EXPECT_FALSE(find("other", "u3@x.example"));
  EXPECT_FALSE(find("other", entries[3].name));
  EXPECT_FALSE(find("acme", "nobody@x.example"));
  EXPECT_FALSE(find("acme", "no address"));

  SuppressionQuery query{.tenant = "acme", .limit = 8};
  std::vector<std::string> seen;
  for (int page = 0; page < 5; ++page) {
    const auto read = read_suppressions(stores, query);
    ASSERT_TRUE(read.ok());
    for (const Suppression& one : read->entries) seen.push_back(one.email);
    if (!read->has_more) break;
    query.after = key_of(read->entries.back().id);
  }
  ASSERT_EQ(seen.size(), 20u);
  EXPECT_EQ(seen.front(), "u23@x.example");
  EXPECT_EQ(seen.back(), "u0@x.example");
  EXPECT_EQ(read_suppressions(stores, {.tenant = "acme", .origin = "bounce", .limit = 100})
                ->entries.size(),
            10u);
  EXPECT_EQ(
      read_suppressions(stores, {.tenant = "acme", .limit = 100, .before = key_of(entries[20].id)})
          ->entries.size(),
      3u);
  // Upwards: the page next to the id, not the newest of all; others' entries are no obstacle.
  const auto upwards =
      read_suppressions(stores, {.tenant = "acme", .limit = 2, .before = key_of(entries[0].id)});
  ASSERT_EQ(upwards->entries.size(), 2u);
  EXPECT_TRUE(upwards->has_more);
  EXPECT_GT(upwards->entries[0].id, upwards->entries[1].id);
  EXPECT_LT(upwards->entries[0].id, entries[5].id);

  store.apply(suppression_erasures(entries[3]));
  EXPECT_FALSE(find("acme", "u3@x.example"));
  EXPECT_FALSE(find("acme", entries[3].name));
  EXPECT_EQ(read_suppressions(stores, {.tenant = "acme", .limit = 100})->entries.size(), 19u);

  SuppressionFilter filter;
  ASSERT_TRUE(filter.load(store).ok());
  EXPECT_EQ(filter.size(), 24u);
  EXPECT_TRUE(filter.maybe("acme", "u2@x.example"));
  EXPECT_FALSE(filter.maybe("other", "u2@x.example"));
  EXPECT_FALSE(filter.maybe("acme", "u3@x.example"));
  filter.remove("acme", "u2@x.example");
  EXPECT_FALSE(filter.maybe("acme", "u2@x.example"));
  EXPECT_FALSE(filter.knows("acme", "u2@x.example"));
}

TEST(Suppression, WhatIsWrittenIsJson) {
  const Suppression one = entry(1, "a\"b", "x@y.example", "bounce");
  const auto changes = suppression_changes(one);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_TRUE(parse_json(changes[0].value));
  const auto event = parse_json(changes[2].value);
  ASSERT_TRUE(event);
  EXPECT_EQ(json_text(*event, "type"), "suppression.added");
  const auto view = parse_json(view_suppression(one, SuppressionView::kWhole));
  ASSERT_TRUE(view);
  EXPECT_EQ(json_text(*view, "object"), "suppression");
  EXPECT_TRUE(view->find("source_id")->is_null());
}

TEST(Suppression, FormOfAddresses) {
  EXPECT_EQ(suppressed_form(" Joe@Example.NET "), "joe@example.net");
  for (const std::string_view text : {"", "joe", "@x.example", "a b@x.example", "a@x\n.example"}) {
    EXPECT_FALSE(suppressed_form(text)) << text;
  }
}

TEST(SuppressionFilter, FullItKnowsLessAndRulesOutNothing) {
  SuppressionFilter filter(1);
  filter.add("acme", "a@x.example");
  EXPECT_FALSE(filter.maybe("acme", "b@x.example"));
  filter.add("acme", "b@x.example");
  EXPECT_TRUE(filter.knows("acme", "a@x.example"));
  EXPECT_FALSE(filter.knows("acme", "b@x.example"));  // so it may be added once more
  EXPECT_TRUE(filter.maybe("acme", "b@x.example"));
  EXPECT_TRUE(filter.maybe("acme", "c@x.example"));
}

}  // namespace
}  // namespace barid::http
