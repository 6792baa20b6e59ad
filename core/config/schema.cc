#include "core/config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>

namespace barid::config {
namespace {

constexpr Parameter kParameters[] = {
#include "parameters.inc"
};

constexpr bool sorted_and_unique() {
  for (size_t i = 1; i < std::size(kParameters); ++i) {
    if (!(kParameters[i - 1].name < kParameters[i].name)) return false;
  }
  return true;
}
static_assert(sorted_and_unique(), "parameters.inc must be sorted by name");

constexpr TransportParameter kTransportParameters[] = {
    {"_delivery_slot_cost", "default_delivery_slot_cost"},
    {"_delivery_slot_discount", "default_delivery_slot_discount"},
    {"_delivery_slot_loan", "default_delivery_slot_loan"},
    {"_destination_concurrency_failed_cohort_limit",
     "default_destination_concurrency_failed_cohort_limit"},
    {"_destination_concurrency_limit", "default_destination_concurrency_limit"},
    {"_destination_concurrency_negative_feedback",
     "default_destination_concurrency_negative_feedback"},
    {"_destination_concurrency_positive_feedback",
     "default_destination_concurrency_positive_feedback"},
    {"_destination_message_burst", "default_destination_message_burst"},
    {"_destination_message_rate", "default_destination_message_rate"},
    {"_destination_messages_per_connection", "default_destination_messages_per_connection"},
    {"_destination_rate_delay", "default_destination_rate_delay"},
    {"_destination_recipient_limit", "default_destination_recipient_limit"},
    {"_egress_pool", "default_egress_pool"},
    {"_extra_recipient_limit", "default_extra_recipient_limit"},
    {"_initial_destination_concurrency", "initial_destination_concurrency"},
    {"_minimum_delivery_slots", "default_minimum_delivery_slots"},
    {"_recipient_limit", "default_recipient_limit"},
    {"_recipient_refill_delay", "default_recipient_refill_delay"},
    {"_recipient_refill_limit", "default_recipient_refill_limit"},
    {"_time_limit", "command_time_limit"},
    {"_transport_rate_delay", "default_transport_rate_delay"},
};

/// Levenshtein distance, given up (returns limit + 1) once it must exceed `limit`.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  constexpr size_t kLengthMax = 96;
  if (a.size() > kLengthMax || b.size() > kLengthMax) return limit + 1;
  std::array<size_t, kLengthMax + 1> row;
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    size_t smallest = row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
      smallest = std::min(smallest, row[j]);
    }
    if (smallest > limit) return limit + 1;
  }
  return row[b.size()];
}

class Nearest {
 public:
  explicit Nearest(std::string_view name)
      : name_(name), limit_(std::clamp<size_t>(name.size() / 4, 1, 4)), distance_(limit_ + 1) {}
  void consider(std::string_view candidate) {
    const size_t distance = edit_distance(name_, candidate, limit_);
    if (distance >= distance_) return;
    distance_ = distance;
    best_ = candidate;
  }
  [[nodiscard]] std::string_view best() const noexcept { return best_; }

 private:
  std::string_view name_;
  std::string_view best_;
  size_t limit_;
  size_t distance_;
};

}  // namespace

std::span<const Parameter> all_parameters() noexcept { return kParameters; }

const Parameter* find_parameter(std::string_view name) noexcept {
  const auto* it = std::lower_bound(
      std::begin(kParameters), std::end(kParameters), name,
      [](const Parameter& parameter, std::string_view key) { return parameter.name < key; });
  return it != std::end(kParameters) && it->name == name ? it : nullptr;
}

std::span<const TransportParameter> transport_parameters() noexcept { return kTransportParameters; }

std::string_view nearest_of(std::string_view name, std::span<const std::string_view> names) {
  Nearest nearest(name);
  for (const std::string_view candidate : names) nearest.consider(candidate);
  return nearest.best();
}

std::string_view nearest_name(std::string_view name, std::span<const std::string> more_names) {
  Nearest nearest(name);
  for (const Parameter& parameter : kParameters) nearest.consider(parameter.name);
  for (const std::string& candidate : more_names) nearest.consider(candidate);
  return nearest.best();
}

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t bar = choices.find('|');
    out.push_back(choices.substr(0, bar));
    if (bar == std::string_view::npos) return out;
    choices.remove_prefix(bar + 1);
  }
}

std::string_view type_name(ValueType type) noexcept {
  switch (type) {
    case ValueType::kString:
      return "text";
    case ValueType::kRaw:
      return "text, expanded for each use";
    case ValueType::kBool:
      return "yes or no";
    case ValueType::kInt:
      return "number";
    case ValueType::kTime:
      return "time";
    case ValueType::kTimeList:
      return "list of times";
  }
  return "text";
}

std::string_view effect_name(Effect effect) noexcept {
  switch (effect) {
    case Effect::kLive:
      return "live";
    case Effect::kRestart:
      return "restart";
    case Effect::kNone:
      return "none";
  }
  return "none";
}

std::string describe_check(const Parameter& parameter) {
  switch (parameter.check) {
    case Check::kNone:
      return {};
    case Check::kRequired:
      return "not empty";
    case Check::kHostName:
      return "host name";
    case Check::kHeloName:
      return "host name, or an address in brackets";
    case Check::kEndpoints:
      return "list of address@port, or recursive";
    case Check::kOneOf:
    case Check::kAnyOf:
    case Check::kSomeOf: {
      std::vector<std::string_view> choices = split_choices(parameter.choices);
      for (std::string_view& choice : choices) {
        if (choice.empty()) choice = "empty";
      }
      return fmt::format("{} {}", parameter.check == Check::kOneOf ? "one of" : "any of",
                         fmt::join(choices, ", "));
    }
    case Check::kRange: {
      std::string text;
      if (parameter.minimum != std::numeric_limits<int64_t>::min()) {
        text += fmt::to_string(parameter.minimum);
      }
      text += "..";
      if (parameter.maximum != std::numeric_limits<int64_t>::max()) {
        text += fmt::to_string(parameter.maximum);
      }
      return text;
    }
  }
  return {};
}

}  // namespace barid::config
