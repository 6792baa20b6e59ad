// Any text as a policy of smtp_tls_policy_maps: what is good has a level and what its level needs,
// names itself by its own text only, and makes a plan that asks no less than the level says.
#include <cstdint>
#include <string>

#include "core/base/assert.h"
#include "smtp/client/tls_plan.h"

using namespace barid::smtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ClientTls tls;
  tls.rules.anchors["/known"] = {{.usage = 2, .selector = 0, .matching_type = 0, .data = "x"}};
  const std::vector<std::string> files = anchor_files_in(text);
  const FoundTlsPolicy found = parse_tls_policy(text, tls.rules);
  const FoundTlsPolicy again = parse_tls_policy(text, tls.rules);
  BARID_ASSERT(found.error == again.error && found.policy.key() == again.policy.key());
  if (!found.error.empty()) return 0;
  const TlsPolicy& policy = found.policy;
  BARID_ASSERT(parse_tls_level(tls_level_name(policy.level)) == policy.level);
  BARID_ASSERT(policy.level != TlsLevel::kFingerprint || !policy.match.empty());
  BARID_ASSERT(policy.anchor_files.size() == files.size());
  BARID_ASSERT(policy.anchors.size() == files.size());  // only the known file is good
  BARID_ASSERT(!policy.versions || policy.versions->error.empty());
  const TlsTarget target{.host = "mx.example", .nexthop = "example", .address = "192.0.2.1:25"};
  const TlsPlan plan = make_tls_plan(tls, policy, target, nullptr);
  BARID_ASSERT(is_mandatory(plan.level) == is_mandatory(policy.level));
  const bool proves = policy.level >= TlsLevel::kFingerprint;
  if (proves) BARID_ASSERT(plan.peer.proof != barid::net::TlsProof::kNone);
  if (policy.level == TlsLevel::kVerify || policy.level == TlsLevel::kSecure) {
    BARID_ASSERT(!plan.peer.names.empty() || policy.match.empty());
  }
  return 0;
}
