#include "dns/unbound_context.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unbound.h>
#include <unistd.h>

#include <mutex>

#include "core/text/ascii.h"
#include "core/text/cursor.h"
#include "shard/net/socket_address.h"

namespace barid::dns {
namespace {

constexpr int kClassInternet = 1;

/// Setting up a context writes globals of the library (hash seed, log stream), so shards that start
/// at the same time take turns. Never taken again after start.
std::mutex& set_up_mutex() {
  static std::mutex mutex;
  return mutex;
}

struct Option {
  const char* name;
  std::string value;
};

std::string set_options(ub_ctx* context, const UnboundOptions& options) {
  const bool validates = !options.trust_anchor_file.empty();
  const bool recursive = options.mode == UnboundMode::kRecursive;
  std::vector<Option> settings = {
      {"module-config:", validates ? "validator iterator" : "iterator"},
      // The library's own cache backs ours up; one thread uses it, so one slab is enough.
      {"msg-cache-size:", recursive ? "4m" : "2m"},
      {"rrset-cache-size:", recursive ? "8m" : "4m"},
      {"cache-max-ttl:", fmt::format("{}", options.cache.positive_ttl_max.count())},
      {"cache-max-negative-ttl:", fmt::format("{}", options.cache.negative_ttl_max.count())},
      // Defaults for library use are 16 and 2, which makes a busy shard's queries wait in line.
      {"outgoing-range:", "128"},
      {"outgoing-num-tcp:", "8"},
      {"harden-referral-path:", "no"},  // costs many queries and breaks domains
      {"qname-minimisation:", "yes"},
  };
  if (recursive && !options.root_hints_file.empty()) {
    if (::access(options.root_hints_file.c_str(), R_OK) != 0) {  // the library only logs that
      return fmt::format("root hints file {} cannot be read", options.root_hints_file);
    }
    settings.push_back({"root-hints:", options.root_hints_file});
  }
  if (!recursive) {
    // The configured servers know our network; reverse zones of private addresses are theirs.
    settings.push_back({"unblock-lan-zones:", "yes"});
    settings.push_back({"insecure-lan-zones:", "yes"});
    // A forwarder that was down is probed all the time and in use again after about these 12
    // seconds (the default is two minutes). Less would lie below the library's interval between
    // probes, and then it never came back.
    settings.push_back({"infra-keep-probing:", "yes"});
    settings.push_back({"infra-cache-max-rtt:", "12000"});
  }
  for (const Option& setting : settings) {
    const int error = ub_ctx_set_option(context, setting.name, setting.value.c_str());
    if (error != 0) {
      return fmt::format("libunbound refuses {} {}: {}", setting.name, setting.value,
                         ub_strerror(error));
    }
  }
  return {};
}

std::string set_servers(ub_ctx* context, const UnboundOptions& options) {
  if (options.mode == UnboundMode::kRecursive) return {};
  if (options.mode == UnboundMode::kForward) {
    for (const std::string& forwarder : options.forwarders) {
      const int error = ub_ctx_set_fwd(context, forwarder.c_str());
      if (error != 0) return fmt::format("DNS forwarder \"{}\": {}", forwarder, ub_strerror(error));
    }
    return options.forwarders.empty() ? "the list of DNS forwarders is empty" : std::string();
  }
  // resolv.conf(5): without the file or a server in it, the server is on this host.
  const bool present = ::access(options.resolv_conf.c_str(), F_OK) == 0;
  const int error = present ? ub_ctx_resolvconf(context, options.resolv_conf.c_str())
                            : ub_ctx_set_fwd(context, "127.0.0.1");
  if (error != 0) return fmt::format("{}: {}", options.resolv_conf, ub_strerror(error));
  return {};
}

void ignore_result(void*, int, ub_result* result) { ub_resolve_free(result); }

/// The library starts its thread with the first query; one for a name that it answers by itself
/// lets that happen here. The thread inherits a mask with everything blocked: signals are for our
/// threads.
std::string start_thread(ub_ctx* context) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ub_resolve_async(context, "localhost.", static_cast<int>(RecordType::kA),
                                     kClassInternet, nullptr, ignore_result, nullptr);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error == 0 ? std::string() : fmt::format("cannot start: {}", ub_strerror(error));
}

/// RFC 6761 6.2 and RFC 8375: names under "test." and "home.arpa." are no business of a stub
/// resolver; the servers it was pointed to may well know some.
std::string open_local_zones(ub_ctx* context, const UnboundOptions& options) {
  if (options.mode == UnboundMode::kRecursive) return {};
  for (const char* zone : {"test.", "home.arpa."}) {
    const int error = ub_ctx_zone_remove(context, zone);
    if (error != 0) return fmt::format("cannot open zone {}: {}", zone, ub_strerror(error));
  }
  return {};
}

std::string set_up(ub_ctx* context, const UnboundOptions& options) {
  ub_ctx_debugout(context,
                  nullptr);  // its complaints would break our log; counters tell of failures
  std::string error = set_options(context, options);
  if (error.empty()) error = set_servers(context, options);
  if (error.empty() && !options.trust_anchor_file.empty()) {
    const std::string& file = options.trust_anchor_file;
    if (::access(file.c_str(), R_OK) != 0) {
      error = fmt::format("trust anchor file {} cannot be read", file);
    } else if (const int code = ub_ctx_add_ta_file(context, file.c_str()); code != 0) {
      error = fmt::format("trust anchor file {}: {}", file, ub_strerror(code));
    }
  }
  if (error.empty() && ub_ctx_async(context, /*dothread=*/1) != 0) error = "no thread mode";
  if (error.empty()) error = open_local_zones(context, options);
  if (error.empty()) error = start_thread(context);
  return error;
}

}  // namespace

void UnboundContextDelete::operator()(ub_ctx* context) const noexcept { ub_ctx_delete(context); }

CreatedContext create_unbound_context(const UnboundOptions& options) {
  const std::lock_guard<std::mutex> lock(set_up_mutex());
  CreatedContext created;
  created.context.reset(ub_ctx_create());
  if (!created.context) return CreatedContext{.context = {}, .error = "libunbound: out of memory"};
  created.error = set_up(created.context.get(), options);
  if (!created.error.empty()) created.context.reset();
  return created;
}

ParsedForwarders parse_forwarders(std::string_view text) {
  constexpr text::CharSet kSeparators = text::CharSet(", \t\r\n");
  ParsedForwarders result;
  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size() && !kSeparators.has(text[length])) ++length;
    const std::string_view item = text.substr(0, length);
    text.remove_prefix(length == text.size() ? length : length + 1);
    if (item.empty()) continue;
    const size_t at = item.find('@');
    bool valid = net::SocketAddress::from_ip(item.substr(0, at), 53).has_value();
    if (at != std::string_view::npos) {
      text::Cursor port(item.substr(at + 1));
      valid = port.number(65535) > 0 && port.at_end() && !port.failed() && valid;
    }
    if (!valid) {
      result.forwarders.clear();
      result.error = fmt::format("DNS forwarder \"{}\" is not ADDRESS or ADDRESS@PORT", item);
      return result;
    }
    result.forwarders.emplace_back(item);
  }
  if (result.forwarders.empty()) result.error = "the list of DNS forwarders is empty";
  return result;
}

}  // namespace barid::dns
