#include "http/webhook/endpoint.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/submit/email_id.h"
#include "http/submit/event_record.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

constexpr size_t kUrlBytesMax = 2048;
constexpr char kEndpointMark = 'e';
constexpr char kLaneMark = 'l';

ApiError invalid(std::string_view name, std::string_view what) {
  return {.status = 422,
          .name = "validation_error",
          .message = fmt::format("Invalid `{}` field: {}", name, what),
          .param = std::string(name)};
}
ApiError missing(std::string_view name) {
  return {.status = 422,
          .name = "missing_required_field",
          .message = fmt::format("Missing `{}` field.", name),
          .param = std::string(name)};
}

std::string key_with(char mark, QueueId id) {
  const auto key = id.key();
  std::string out(1, mark);
  out.append(key.data(), key.size());
  return out;
}

struct FreeUrl {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

/// Empty, or why events cannot be sent there.
std::string url_problem(const std::string& text, const AddressPolicy& policy) {
  if (text.size() > kUrlBytesMax) return "is too long";
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return "must be a URL";
  }
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") return "must be an http or https URL";
  if (!part_of(url.get(), CURLUPART_USER).empty() ||
      !part_of(url.get(), CURLUPART_PASSWORD).empty()) {
    return "may not have a user name or password";
  }
  std::string host = part_of(url.get(), CURLUPART_HOST);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.pop_back();
  if (host == "localhost" || host.ends_with(".localhost")) host = "127.0.0.1";
  const auto address = lookup::IpAddress::parse(host);
  if (address && !policy.allows(*address)) {
    return "must not be a private or loopback address (webhook_private_networks)";
  }
  return {};
}

std::optional<ApiError> read_events(const JsonValue& list, Endpoint* endpoint) {
  if (list.kind != JsonValue::Kind::kArray || list.items.empty()) {
    return invalid("events", "must be an array of event types");
  }
  endpoint->events.clear();
  for (const JsonValue& item : list.items) {
    if (!item.is_string() || !is_event_type(item.text)) {
      return invalid("events", fmt::format("must be any of {}", fmt::join(kEventTypes, ", ")));
    }
    const auto known = std::find(endpoint->events.begin(), endpoint->events.end(), item.text);
    if (known == endpoint->events.end()) endpoint->events.push_back(item.text);
  }
  return std::nullopt;
}

std::optional<ApiError> read_status(const JsonValue& status, WallTime now, Endpoint* endpoint) {
  if (status.text != "enabled" && status.text != "disabled") {
    return invalid("status", "must be enabled or disabled");
  }
  const bool enable = status.text == "enabled";
  if (enable && !endpoint->enabled) endpoint->since = now;
  endpoint->enabled = enable;
  endpoint->disabled_reason.clear();
  return std::nullopt;
}

}  // namespace

bool Endpoint::wants(std::string_view event_tenant, std::string_view type) const noexcept {
  return enabled && tenant == event_tenant &&
         std::find(events.begin(), events.end(), type) != events.end();
}

std::string endpoint_key(QueueId id) { return key_with(kEndpointMark, id); }
std::string lane_key(QueueId id) { return key_with(kLaneMark, id); }
bool is_endpoint_key(std::string_view key) noexcept { return key.starts_with(kEndpointMark); }

std::string endpoint_record(const Endpoint& endpoint) {
  std::string out = "{\"v\":1,\"id\":";
  text::append_json_string(out, endpoint.name);
  const auto add = [&out](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
    text::append_json_string(out, value);
  };
  add("tenant", endpoint.tenant);
  add("url", endpoint.url);
  add("secret", endpoint.secret);
  add("disabled_reason", endpoint.disabled_reason);
  add("replay_after", endpoint.replay_after.text());
  fmt::format_to(std::back_inserter(out),
                 ",\"enabled\":{},\"created\":{},\"since\":{},\"replays\":{},\"events\":[\"{}\"]}}",
                 endpoint.enabled, unix_micros(endpoint.created), unix_micros(endpoint.since),
                 endpoint.replays, fmt::join(endpoint.events, "\",\""));
  return out;
}

std::optional<Endpoint> parse_endpoint(std::string_view record) {
  const std::optional<JsonValue> value = parse_json(record);
  if (!value) return std::nullopt;
  Endpoint endpoint{.name = std::string(json_text(*value, "id")),
                    .tenant = std::string(json_text(*value, "tenant")),
                    .url = std::string(json_text(*value, "url")),
                    .secret = std::string(json_text(*value, "secret")),
                    .disabled_reason = std::string(json_text(*value, "disabled_reason")),
                    .created = wall_from_micros(json_number(*value, "created")),
                    .since = wall_from_micros(json_number(*value, "since")),
                    .replays = static_cast<uint32_t>(json_number(*value, "replays"))};
  const auto id = parse_email_id(endpoint.name);
  const JsonValue* enabled = value->find("enabled");
  const JsonValue* events = value->find("events");
  if (!id || enabled == nullptr || events == nullptr || !endpoint.secret.starts_with("whsec_")) {
    return std::nullopt;
  }
  endpoint.id = *id;
  endpoint.enabled = enabled->boolean;
  endpoint.replay_after = QueueId::parse(json_text(*value, "replay_after")).value_or(QueueId{});
  for (const JsonValue& event : events->items) endpoint.events.push_back(event.text);
  return endpoint;
}

std::string view_endpoint(const Endpoint& endpoint, EndpointView view) {
  std::string out = view == EndpointView::kWhole ? "{\"object\":\"webhook\",\"id\":" : "{\"id\":";
  text::append_json_string(out, endpoint.name);
  append_json_time(out, "created_at", unix_micros(endpoint.created));
  fmt::format_to(std::back_inserter(out),
                 ",\"status\":\"{}\",\"endpoint\":", endpoint.enabled ? "enabled" : "disabled");
  text::append_json_string(out, endpoint.url);
  fmt::format_to(std::back_inserter(out), ",\"events\":[\"{}\"]",
                 fmt::join(endpoint.events, "\",\""));
  if (!endpoint.disabled_reason.empty()) {
    out += ",\"disabled_reason\":";
    text::append_json_string(out, endpoint.disabled_reason);
  }
  if (view == EndpointView::kWhole) {
    out += ",\"signing_secret\":";
    text::append_json_string(out, endpoint.secret);
  }
  out += '}';
  return out;
}

std::optional<ApiError> read_endpoint(const JsonValue& body, EndpointChange change,
                                      const AddressPolicy& policy, WallTime now,
                                      Endpoint* endpoint) {
  if (!body.is_object()) return invalid("body", "must be an object");
  const bool creates = change == EndpointChange::kCreate;
  const auto given = [&body](std::string_view name) {
    const JsonValue* member = body.find(name);
    return member != nullptr && !member->is_null() ? member : nullptr;
  };
  const JsonValue* url = given("endpoint");
  const JsonValue* events = given("events");
  const JsonValue* status = given("status");
  if (creates && url == nullptr) return missing("endpoint");
  if (creates && events == nullptr) return missing("events");
  if (url != nullptr) {
    if (!url->is_string()) return invalid("endpoint", "must be a URL");
    if (std::string problem = url_problem(url->text, policy); !problem.empty()) {
      return invalid("endpoint", problem);
    }
    endpoint->url = url->text;
  }
  if (events != nullptr) {
    if (auto error = read_events(*events, endpoint)) return error;
  }
  if (status == nullptr) return std::nullopt;
  return read_status(*status, now, endpoint);
}

EndpointList::Snapshot EndpointList::all() const {
  const std::lock_guard lock(mutex_);
  return endpoints_;
}

EndpointList::Snapshot EndpointList::of(std::string_view tenant) const {
  Snapshot mine = all();
  std::erase_if(mine, [tenant](const Endpoint& one) { return one.tenant != tenant; });
  return mine;
}

std::optional<Endpoint> EndpointList::find(QueueId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [id](const Endpoint& one) { return one.id == id; });
  if (found == endpoints_.end()) return std::nullopt;
  return *found;
}

void EndpointList::put(Endpoint endpoint) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                  [&](const Endpoint& one) { return one.id == endpoint.id; });
  if (found != endpoints_.end()) {
    *found = std::move(endpoint);
  } else {
    endpoints_.push_back(std::move(endpoint));
  }
  version_.fetch_add(1, std::memory_order_release);
}

void EndpointList::erase(QueueId id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(endpoints_, [id](const Endpoint& one) { return one.id == id; });
  version_.fetch_add(1, std::memory_order_release);
}

size_t EndpointList::size() const {
  const std::lock_guard lock(mutex_);
  return endpoints_.size();
}

}  // namespace barid::http
