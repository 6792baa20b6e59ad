#include "tools/barid/admin_suspensions.h"

#include <fmt/format.h>

#include <optional>

#include "core/config/values.h"
#include "core/text/json.h"
#include "tools/barid/operation_run.h"
#include "tools/barid/suspension_file.h"

namespace barid::tools {

using schedule::Suspension;
using schedule::Suspensions;

namespace {

constexpr Duration kWritePatience = std::chrono::seconds(30);

/// What the first shard made of a change.
struct Changed {
  std::string problem;
  bool not_found = false;
  Suspension resumed;  ///< as its mail names it
  Suspensions list;
  uint64_t version = 0;
};

}  // namespace

/// An entry to add, or only its name to remove.
struct AdminSuspensions::Change {
  Suspension entry;
  bool removes = false;
};

std::string read_suspension(const http::Target& target, WallTime now, Suspension* entry) {
  bool kind_given = false;
  entry->since = now;
  for (const auto& [name, value] : target.query) {
    if (name == "kind") {
      const auto kind = schedule::find_suspension_kind(value);
      if (!kind) return fmt::format("kind \"{}\": domain, site, tenant or stream", value);
      entry->kind = *kind;
      kind_given = true;
    } else if (name == "value") {
      entry->value = value;
    } else if (name == "for") {
      const auto time = config::parse_time(value, 's');
      if (!time || time->count() == 0) {
        return fmt::format("for \"{}\": a number and s, m, h, d or w, such as 30m", value);
      }
      entry->until = now + *time;
    } else if (name == "reason") {
      entry->reason = value;
    } else {
      return fmt::format("there is no \"{}\": kind, value, for and reason", name);
    }
  }
  if (!kind_given) return "say what: a domain, a site, a tenant or a stream";
  Suspensions probe;  // says what is wrong with the value
  return probe.add(*entry);
}

std::string suspension_json(const Suspension& entry) {
  std::string out = "{\"name\": ";
  text::append_json_string(out, entry.name());
  out += fmt::format(", \"kind\": \"{}\", \"value\": ", schedule::suspension_kind_name(entry.kind));
  text::append_json_string(out, entry.value);
  out += fmt::format(", \"since\": {}", unix_seconds(entry.since));
  if (entry.until != WallTime{}) out += fmt::format(", \"until\": {}", unix_seconds(entry.until));
  out += ", \"reason\": ";
  text::append_json_string(out, entry.reason);
  out += "}\n";
  return out;
}

void AdminSuspensions::add_routes(http::Router& router) {
  using http::Method;
  constexpr std::string_view kPath = "/admin/v1/suspensions";
  router.add(Method::kGet, kPath, http::handler<&AdminSuspensions::list>(*this));
  router.add(Method::kPost, kPath, http::handler<&AdminSuspensions::suspend>(*this));
  router.add(Method::kDelete, kPath, http::handler<&AdminSuspensions::resume>(*this));
}

rt::Task<void> AdminSuspensions::list(http::Exchange& exchange) {
  const WallTime now = shard_reactor(inside_).wall_now();
  std::string body;
  shard_suspensions(inside_).list.for_each([&](const Suspension& entry) {
    if (entry.active(now)) body += suspension_json(entry);
  });
  co_await exchange.answer({.content_type = "application/x-ndjson", .body = std::move(body)});
}

rt::Task<void> AdminSuspensions::suspend(http::Exchange& exchange) {
  Change change;
  if (std::string problem = read_suspension(exchange.request().target,
                                            shard_reactor(inside_).wall_now(), &change.entry);
      !problem.empty()) {
    co_await exchange.refuse(
        {.status = 400, .name = "validation_error", .message = std::move(problem)});
    co_return;
  }
  co_await apply(exchange, change);
}

rt::Task<void> AdminSuspensions::resume(http::Exchange& exchange) {
  Change change{.removes = true};
  if (std::string problem = read_suspension(exchange.request().target,
                                            shard_reactor(inside_).wall_now(), &change.entry);
      !problem.empty()) {
    co_await exchange.refuse(
        {.status = 400, .name = "validation_error", .message = std::move(problem)});
    co_return;
  }
  co_await apply(exchange, change);
}

rt::Task<void> AdminSuspensions::apply(http::Exchange& exchange, const Change& change) {
  const auto decide = [&change](Shard::Inside& shard, size_t index) {
    Changed changed;
    if (index != 0) return changed;
    changed.list = shard_suspensions(shard).list;
    static_cast<void>(changed.list.drop_ended(shard_reactor(shard).wall_now()));
    if (change.removes) {
      Suspensions named;  // in its stored form
      static_cast<void>(named.add(change.entry));
      named.for_each([&](const Suspension& entry) { changed.resumed = entry; });
      changed.not_found = !changed.list.remove(change.entry.kind, change.entry.value);
    } else {
      changed.problem = changed.list.add(change.entry);
    }
    if (changed.not_found || !changed.problem.empty()) return changed;
    changed.version = shard_suspensions(shard).version + 1;
    shard_set_suspensions(shard, {.list = changed.list, .version = changed.version});
    return changed;
  };
  std::vector<Changed> answers = co_await gather_each<Changed>(inside_, decide);
  const Changed& changed = answers.front();
  if (changed.not_found || !changed.problem.empty() || changed.version == 0) {
    const uint16_t status = changed.not_found ? 404 : changed.problem.empty() ? 503 : 400;
    co_await exchange.refuse(
        {.status = status,
         .name = changed.not_found ? "not_found" : "validation_error",
         .message = changed.not_found ? fmt::format("{} is not suspended", change.entry.name())
                                      : changed.problem});
    co_return;
  }
  SuspensionFile* file = &shard_suspension_file(inside_);
  auto call = [file, list = changed.list, version = changed.version] {
    const Status status = file->save(list, version);
    return status.ok() ? Code::kOk : status.error().code;
  };
  const Result<Code> saved = co_await shard_offload(inside_).run(
      std::move(call), shard_reactor(inside_).now() + kWritePatience);
  const auto spread = [&changed](Shard::Inside& shard, size_t) {
    shard_set_suspensions(shard, {.list = changed.list, .version = changed.version});
    return true;
  };
  static_cast<void>(co_await gather_each<bool>(inside_, spread));
  if (change.removes) {  // what it kept back is due now, not when somebody looks again
    schedule::OperationRequest flush{.action = schedule::QueueAction::kFlush, .revives = false};
    static_cast<void>(
        flush.filter.add("reason", "delivery temporarily suspended: " + changed.resumed.name()));
    co_await run_operation(inside_, flush);
  }
  const std::string note =
      fmt::format("{} {}{}", change.entry.name(), change.removes ? "resumed" : "suspended",
                  change.entry.reason.empty() ? "" : fmt::format(": {}", change.entry.reason));
  shard_log_note(inside_, LogNote{.program = LogProgram::kPostsuper, .text = note});
  if (!saved.ok() || *saved != Code::kOk) {
    co_await exchange.refuse(
        {.status = 503,
         .name = "service_unavailable",
         .message = "in force, but not saved: it will be forgotten at the next start"});
    co_return;
  }
  co_await exchange.answer({.body = suspension_json(change.entry)});
}

}  // namespace barid::tools
