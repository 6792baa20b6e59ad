#include "smtp/sasl/client.h"

#include <gsasl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "core/base/assert.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::sasl {
namespace {

// By preference.
constexpr std::string_view kScramPlus = "SCRAM-SHA-256-PLUS";
constexpr std::array<std::string_view, 5> kMechanisms = {kScramPlus, "SCRAM-SHA-256", "CRAM-MD5",
                                                         "PLAIN", "LOGIN"};
constexpr int kStepsMax = 10;
// The server names the count, and we do the work: half a microsecond each.
constexpr uint64_t kScramIterationsMax = 50'000;
constexpr uint64_t kScramIterationsCheap = 1'000;

/// Of a SCRAM server's first message (RFC 5802 7, attribute "i"); 0 if there is none.
uint64_t scram_iterations(std::string_view message) {
  while (!message.empty()) {
    const std::string_view attribute = message.substr(0, message.find(','));
    message.remove_prefix(std::min(message.size(), attribute.size() + 1));
    if (!attribute.starts_with("i=")) continue;
    uint64_t count = 0;
    const auto [end, error] =
        std::from_chars(attribute.data() + 2, attribute.data() + attribute.size(), count);
    return error == std::errc() ? count : UINT64_MAX;
  }
  return 0;
}

struct EndSession {
  void operator()(Gsasl_session* session) const noexcept { gsasl_finish(session); }
};
struct EndLibrary {
  void operator()(Gsasl* library) const noexcept { gsasl_done(library); }
};

/// Everything is set as a property; nothing is asked for.
class GsaslClient final : public Client {
 public:
  GsaslClient(const ClientRules& rules, Credentials credentials)
      : rules_(rules), credentials_(std::move(credentials)) {
    Gsasl* library = nullptr;
    BARID_ASSERT(gsasl_init(&library) == GSASL_OK);
    library_.reset(library);
  }

  std::string choose(std::string_view offered, Channel channel, std::string_view binding) override {
    std::vector<std::string> names;
    for (std::string_view word; !(word = text::take_word(offered)).empty();) {
      std::string name;
      for (const char c : word) name += text::to_upper(c);
      names.push_back(std::move(name));
    }
    const SecurityOptions options = channel == Channel::kVerified    ? rules_.options_verified
                                    : channel == Channel::kEncrypted ? rules_.options_encrypted
                                                                     : rules_.options;
    const auto offers = [&](std::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const std::string_view mechanism : kMechanisms) {
      if (!offers(mechanism) || (mechanism == kScramPlus && binding.empty())) continue;
      if (!mechanism_traits(mechanism).fits(options)) continue;
      if (rules_.mechanism_filter && !rules_.mechanism_filter->match(mechanism).yes()) continue;
      // Only with -PLUS: GNU SASL cannot say that a client could have (RFC 5802 6, flag "y").
      if (!begin(mechanism, mechanism == kScramPlus ? binding : std::string_view())) continue;
      return std::string(mechanism);
    }
    return {};
  }

  std::optional<std::string> initial_response() override {
    if (mechanism_ == "LOGIN" || mechanism_ == "CRAM-MD5")
      return std::nullopt;  // the server begins
    return step({});
  }

  bool is_costly(std::string_view challenge) const override {
    if (!mechanism_.starts_with("SCRAM-")) return false;
    const std::optional<std::string> bytes = text::decode_base64(challenge);
    if (!bytes) return false;
    const uint64_t count = scram_iterations(*bytes);
    return count > kScramIterationsCheap && count <= kScramIterationsMax;
  }

  std::optional<std::string> respond(std::string_view challenge) override {
    const std::optional<std::string> bytes = text::decode_base64(challenge);
    if (!bytes) return std::nullopt;
    const bool is_scram = mechanism_.starts_with("SCRAM-");
    if (is_scram && scram_iterations(*bytes) > kScramIterationsMax) return std::nullopt;
    return step(*bytes);
  }

  bool satisfied() const noexcept override {
    // SCRAM: the server has shown that it knows the password's keys, too.
    return finished_ || !mechanism_.starts_with("SCRAM-");
  }

 private:
  bool begin(std::string_view mechanism, std::string_view binding) {
    Gsasl_session* session = nullptr;
    const std::string name(mechanism);
    if (gsasl_client_start(library_.get(), name.c_str(), &session) != GSASL_OK) return false;
    session_.reset(session);
    gsasl_property_set(session, GSASL_AUTHID, credentials_.user.c_str());
    gsasl_property_set(session, GSASL_PASSWORD, credentials_.password.c_str());
    if (!binding.empty()) {
      std::string encoded;
      text::append_base64(encoded, binding);
      gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, encoded.c_str());
    }
    mechanism_ = name;
    return true;
  }

  std::optional<std::string> step(std::string_view input) {
    if (!session_ || ++steps_count_ > kStepsMax) return std::nullopt;
    if (finished_) return std::string();  // the mechanism's last word was the server's
    char* output = nullptr;
    size_t output_bytes = 0;
    const int code = gsasl_step(session_.get(), input.data(), input.size(), &output, &output_bytes);
    std::string encoded;
    if (output != nullptr) text::append_base64(encoded, {output, output_bytes});
    gsasl_free(output);
    if (code != GSASL_OK && code != GSASL_NEEDS_MORE) return std::nullopt;
    finished_ = code == GSASL_OK;
    return encoded;
  }

  const ClientRules& rules_;
  const Credentials credentials_;
  std::unique_ptr<Gsasl, EndLibrary> library_;
  std::unique_ptr<Gsasl_session, EndSession> session_;
  std::string mechanism_;
  int steps_count_ = 0;
  bool finished_ = false;
};

}  // namespace

std::optional<Credentials> parse_credentials(std::string_view value, std::string_view delimiter) {
  const size_t at = delimiter.empty() ? std::string_view::npos : value.find(delimiter);
  Credentials credentials;
  credentials.user = value.substr(0, at);
  if (at != std::string_view::npos) credentials.password = value.substr(at + delimiter.size());
  if (credentials.user.empty()) return std::nullopt;
  return credentials;
}

std::unique_ptr<Client> make_client(const ClientRules& rules, Credentials credentials) {
  return std::make_unique<GsaslClient>(rules, std::move(credentials));
}

}  // namespace barid::sasl
