#include "http/submit/suppression_api.h"

#include <fmt/format.h>

#include "http/submit/query.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

constexpr size_t kBatchMax = 100;
constexpr uint32_t kAdminPageMax = 1000;

ApiError not_found() {
  return {.status = 404, .name = "not_found", .message = "Suppression not found"};
}
ApiError unavailable() { return busy("The suppression list cannot be reached now."); }
ApiError missing(std::string_view name) {
  return {.status = 422,
          .name = "missing_required_field",
          .message = fmt::format("Missing `{}` field.", name),
          .param = std::string(name)};
}

std::string brief(const Suppression& entry, std::string_view more) {
  return fmt::format("{{\"object\":\"suppression\",\"id\":\"{}\"{}}}", entry.name, more);
}

std::string brief_list(const std::vector<Suppression>& entries, std::string_view more) {
  std::string out = "{\"data\":[";
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += ',';
    out += brief(entries[i], more);
  }
  return out + "]}\n";
}

/// The strings of an array; `as_addresses`: each in the form that is compared.
enum class NameKind : uint8_t { kAddress, kAny };
std::optional<ApiError> read_names(const JsonValue& list, std::string_view param, NameKind kind,
                                   std::vector<std::string>* names) {
  if (list.kind != JsonValue::Kind::kArray || list.items.empty() || list.items.size() > kBatchMax) {
    return bad_parameter(param, fmt::format("must be an array of 1 to {}", kBatchMax));
  }
  for (size_t i = 0; i < list.items.size(); ++i) {
    const JsonValue& item = list.items[i];
    std::optional<std::string> name = item.is_string() ? std::optional(item.text) : std::nullopt;
    if (name && kind == NameKind::kAddress) name = suppressed_form(*name);
    if (!name) return bad_parameter(fmt::format("{}.{}", param, i), "is no address");
    names->push_back(*std::move(name));
  }
  return std::nullopt;
}

std::optional<ApiError> read_removals(const JsonValue& body, std::vector<std::string>* names) {
  const JsonValue* emails = body.find("emails");
  const JsonValue* ids = body.find("ids");
  if ((emails == nullptr) == (ids == nullptr)) {
    return bad_parameter("emails", "give either `emails` or `ids`");
  }
  if (emails != nullptr) return read_names(*emails, "emails", NameKind::kAddress, names);
  return read_names(*ids, "ids", NameKind::kAny, names);
}

}  // namespace

void SuppressionApi::add_routes(Router& router) {
  router.add(Method::kPost, "/suppressions", handler<&SuppressionApi::create>(*this));
  router.add(Method::kGet, "/suppressions", handler<&SuppressionApi::list>(*this));
  router.add(Method::kPost, "/suppressions/batch/add",
             handler<&SuppressionApi::create_batch>(*this));
  router.add(Method::kPost, "/suppressions/batch/remove",
             handler<&SuppressionApi::remove_batch>(*this));
  router.add(Method::kGet, "/suppressions/{id}", handler<&SuppressionApi::show>(*this));
  router.add(Method::kDelete, "/suppressions/{id}", handler<&SuppressionApi::remove>(*this));
}

rt::Task<void> SuppressionApi::create(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await admission_.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  JsonValue body;
  std::optional<ApiError> error = parse_body(exchange.request(), &body);
  const JsonValue* email = body.find("email");
  if (!error && email == nullptr) error = missing("email");
  std::optional<std::string> form;
  if (!error) form = email->is_string() ? suppressed_form(email->text) : std::nullopt;
  if (!error && !form) error = bad_parameter("email", "must be an address");
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  std::vector<std::string> emails(1, *std::move(form));
  auto added = co_await book_.add(principal.tenant, std::move(emails), "manual");
  if (!added.ok()) {
    co_await exchange.refuse(unavailable());
    co_return;
  }
  co_await exchange.answer({.body = brief(added->front(), "") + '\n'});
}

rt::Task<void> SuppressionApi::create_batch(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await admission_.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  JsonValue body;
  std::vector<std::string> emails;
  std::optional<ApiError> error = parse_body(exchange.request(), &body);
  const JsonValue* list = body.find("emails");
  if (!error && list == nullptr) error = missing("emails");
  if (!error) error = read_names(*list, "emails", NameKind::kAddress, &emails);
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  auto added = co_await book_.add(principal.tenant, std::move(emails), "manual");
  if (!added.ok()) {
    co_await exchange.refuse(unavailable());
    co_return;
  }
  co_await exchange.answer({.body = brief_list(*added, "")});
}

rt::Task<void> SuppressionApi::list(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await admission_.admit(exchange, kScopeRead, &principal);
  if (!admitted) co_return;
  PageQuery page;
  std::optional<ApiError> error =
      read_page_query(exchange.request().target, 100, "a suppression", &page);
  const std::string* origin = exchange.request().target.find_query("origin");
  const bool good =
      origin == nullptr || *origin == "bounce" || *origin == "complaint" || *origin == "manual";
  if (!error && !good) error = bad_parameter("origin", "must be bounce, complaint or manual");
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  SuppressionQuery query{
      .tenant = principal.tenant, .limit = page.limit, .after = page.after, .before = page.before};
  if (origin != nullptr) query.origin = *origin;
  auto found = co_await book_.list(std::move(query));
  if (!found.ok()) {
    co_await exchange.refuse(unavailable());
    co_return;
  }
  std::vector<std::string> items;
  for (const Suppression& entry : found->entries) {
    items.push_back(view_suppression(entry, SuppressionView::kListed));
  }
  co_await exchange.answer({.body = json_list(items, found->has_more)});
}

rt::Task<void> SuppressionApi::show(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await admission_.admit(exchange, kScopeRead, &principal);
  if (!admitted) co_return;
  auto found =
      co_await book_.find(principal.tenant, std::string(exchange.request().path_parameter("id")));
  if (!found.ok()) {
    co_await exchange.refuse(unavailable());
  } else if (!*found) {
    co_await exchange.refuse(not_found());
  } else {
    co_await exchange.answer({.body = view_suppression(**found, SuppressionView::kWhole) + '\n'});
  }
}

rt::Task<void> SuppressionApi::remove(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await admission_.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  std::vector<std::string> names(1, std::string(exchange.request().path_parameter("id")));
  auto removed = co_await book_.remove(principal.tenant, std::move(names));
  if (!removed.ok()) {
    co_await exchange.refuse(unavailable());
  } else if (removed->empty()) {
    co_await exchange.refuse(not_found());
  } else {
    co_await exchange.answer({.body = brief(removed->front(), ",\"deleted\":true") + '\n'});
  }
}

rt::Task<void> SuppressionApi::remove_batch(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await admission_.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  JsonValue body;
  std::vector<std::string> names;
  std::optional<ApiError> error = parse_body(exchange.request(), &body);
  if (!error) error = read_removals(body, &names);
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  auto removed = co_await book_.remove(principal.tenant, std::move(names));
  if (!removed.ok()) {
    co_await exchange.refuse(unavailable());
    co_return;
  }
  co_await exchange.answer({.body = brief_list(*removed, ",\"deleted\":true")});
}

// --- operators

void SuppressionAdmin::add_routes(Router& router) {
  router.add(Method::kGet, "/admin/v1/suppressions", handler<&SuppressionAdmin::list>(*this));
  router.add(Method::kPost, "/admin/v1/suppressions", handler<&SuppressionAdmin::change>(*this));
  router.add(Method::kDelete, "/admin/v1/suppressions", handler<&SuppressionAdmin::change>(*this));
}

/// One entry a line.
rt::Task<void> SuppressionAdmin::list(Exchange& exchange) {
  const Target& target = exchange.request().target;
  PageQuery page{.limit = kAdminPageMax};
  if (auto error = read_page_query(target, kAdminPageMax, "a suppression", &page)) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  SuppressionQuery query{.limit = page.limit, .after = page.after};
  if (const std::string* tenant = target.find_query("tenant"); tenant != nullptr) {
    query.tenant = *tenant;
  }
  auto found = co_await book_.list(std::move(query));
  if (!found.ok()) {
    co_await exchange.refuse(unavailable());
    co_return;
  }
  std::string body;
  for (const Suppression& entry : found->entries) {
    body += view_suppression(entry, SuppressionView::kListed) + '\n';
  }
  co_await exchange.answer({.content_type = "application/x-ndjson", .body = std::move(body)});
}

/// `tenant=`, `email=` (repeated): POST adds, DELETE removes. Answers with how many.
rt::Task<void> SuppressionAdmin::change(Exchange& exchange) {
  std::string tenant;
  std::vector<std::string> emails;
  std::optional<ApiError> error;
  for (const auto& [name, value] : exchange.request().target.query) {
    if (name == "tenant") tenant = value;
    if (name != "email") continue;
    std::optional<std::string> form = suppressed_form(value);
    if (!form) {
      error = bad_parameter("email", fmt::format("\"{}\" is no address", value));
    } else {
      emails.push_back(*std::move(form));
    }
  }
  if (!error && (emails.empty() || emails.size() > kBatchMax)) error = missing("email");
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  const bool adds = exchange.request().method == Method::kPost;
  Result<std::vector<Suppression>> changed = Error{.code = Code::kUnavailable};
  if (adds) {
    changed = co_await book_.add(tenant, std::move(emails), "manual");
  } else {
    changed = co_await book_.remove(tenant, std::move(emails));
  }
  if (!changed.ok()) {
    co_await exchange.refuse(unavailable());
    co_return;
  }
  co_await exchange.answer({.body = fmt::format("{{\"count\":{}}}\n", changed->size())});
}

}  // namespace barid::http
