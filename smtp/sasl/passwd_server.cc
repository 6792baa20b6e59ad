#include "smtp/sasl/passwd_server.h"

#include <gsasl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/assert.h"
#include "core/crypto/digest.h"
#include "core/crypto/password_hash.h"
#include "core/text/ascii.h"
#include "core/text/base64.h"

namespace barid::sasl {
namespace {

constexpr std::string_view kApiKeyUser = "apikey";
constexpr std::string_view kBearer = "OAUTHBEARER";
constexpr size_t kUserBytesMax = 320;
constexpr size_t kPasswordBytesMax = 1024;
constexpr int kStepsMax = 10;
constexpr Duration kHashPatience = std::chrono::seconds(30);
// By preference: what shows no password first.
constexpr std::array<std::string_view, 4> kMechanisms = {"SCRAM-SHA-256", "PLAIN", "LOGIN",
                                                         kBearer};

Step failure(std::string reason, std::string user = {}) {
  return {
      .kind = Step::Kind::kFailure, .text = std::move(reason), .login = {.user = std::move(user)}};
}
Step temporary(std::string reason, std::string user = {}) {
  return {.kind = Step::Kind::kTemporary,
          .text = std::move(reason),
          .login = {.user = std::move(user)}};
}
Step challenge(std::string_view bytes) {
  Step step{.kind = Step::Kind::kChallenge};
  text::append_base64(step.text, bytes);
  return step;
}

/// "=" is an empty response (RFC 4954 4).
std::optional<std::string> decode_response(std::string_view response) {
  if (response == "=") return std::string();
  return text::decode_base64(response);
}

struct EndSession {
  void operator()(Gsasl_session* session) const noexcept { gsasl_finish(session); }
};
struct EndLibrary {
  void operator()(Gsasl* library) const noexcept { gsasl_done(library); }
};

/// What an exchange needs of its server; a server outlives its exchanges.
struct Context {
  PasswdSettings settings;
  std::unique_ptr<Gsasl, EndLibrary> library;
  std::string decoy_key;  ///< from which secrets of users that do not exist are made

  [[nodiscard]] bool has_users() const noexcept { return !settings.users.empty(); }
};

/// A secret for a user that does not exist: the same each time, so that nobody can tell.
crypto::ScramSecret decoy(const Context& context, std::string_view user) {
  const auto derive = [&](std::string_view what) {
    return crypto::hmac_sha256(context.decoy_key, std::string(what) + '/' + std::string(user));
  };
  return {.iterations = crypto::kScramIterationsDefault,
          .salt = derive("salt").substr(0, 16),
          .stored_key = derive("stored"),
          .server_key = derive("server")};
}

// --- PLAIN, LOGIN, SCRAM

class PasswordExchange final : public Exchange {
 public:
  PasswordExchange(const ExchangeEnv& env, const Context& context, std::string_view mechanism,
                   const Peer& peer)
      : env_(env), context_(context), mechanism_(mechanism), peer_(peer) {}

  rt::Task<Step> start(std::optional<std::string> initial) override;
  rt::Task<Step> respond(std::string response) override;

  /// GNU SASL asks for a property, or whether credentials are good.
  int on_callback(Gsasl_session* session, Gsasl_property property);

 private:
  Step feed(std::string_view bytes, bool* verify);
  rt::Task<Step> feed_response(std::string response);
  rt::Task<Step> verify_password();
  int provide_scram_secret(Gsasl_session* session);
  [[nodiscard]] Step succeed();

  ExchangeEnv env_;
  const Context& context_;
  const std::string mechanism_;
  const Peer peer_;
  std::unique_ptr<Gsasl_session, EndSession> session_;
  int steps_count_ = 0;
  bool finished_ = false;  // GNU SASL is content; the client has still to acknowledge
  std::string user_;
  std::string password_;  // PLAIN and LOGIN
  std::string tenant_;
  std::string trouble_;  // a temporary failure inside a callback
};

int on_library_callback(Gsasl*, Gsasl_session* session, Gsasl_property property) {
  auto* exchange = static_cast<PasswordExchange*>(gsasl_session_hook_get(session));
  return exchange == nullptr ? GSASL_NO_CALLBACK : exchange->on_callback(session, property);
}

rt::Task<Step> PasswordExchange::start(std::optional<std::string> initial) {
  Gsasl_session* session = nullptr;
  if (gsasl_server_start(context_.library.get(), mechanism_.c_str(), &session) != GSASL_OK) {
    co_return temporary("the mechanism cannot be started");
  }
  session_.reset(session);
  gsasl_session_hook_set(session, this);
  if (!peer_.channel_binding.empty()) {
    std::string encoded;
    text::append_base64(encoded, peer_.channel_binding);
    gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, encoded.c_str());
  }
  bool verify = false;
  // LOGIN asks first, whatever the client said already.
  if (!initial || mechanism_ == "LOGIN") {
    Step first = feed({}, &verify);
    if (!initial || first.kind != Step::Kind::kChallenge) co_return first;
  }
  co_return co_await feed_response(*std::move(initial));
}

rt::Task<Step> PasswordExchange::respond(std::string response) {
  if (finished_) co_return succeed();
  co_return co_await feed_response(std::move(response));
}

rt::Task<Step> PasswordExchange::feed_response(std::string response) {
  const std::optional<std::string> bytes = decode_response(response);
  if (!bytes) co_return failure("Invalid base64 data in response", user_);
  bool verify = false;
  Step step = feed(*bytes, &verify);
  if (!verify) co_return step;
  co_return co_await verify_password();
}

/// One step of GNU SASL. `*verify`: a password is to be checked first.
Step PasswordExchange::feed(std::string_view bytes, bool* verify) {
  if (++steps_count_ > kStepsMax) return failure("too many responses", user_);
  char* output = nullptr;
  size_t output_bytes = 0;
  const int code = gsasl_step(session_.get(), bytes.data(), bytes.size(), &output, &output_bytes);
  const std::string said(output == nullptr ? "" : output, output == nullptr ? 0 : output_bytes);
  gsasl_free(output);
  if (user_.empty()) {
    const char* const user = gsasl_property_fast(session_.get(), GSASL_AUTHID);
    if (user != nullptr) user_ = std::string_view(user).substr(0, kUserBytesMax);
  }
  if (!trouble_.empty()) return temporary(trouble_, user_);
  if (code == GSASL_NEEDS_MORE) return challenge(said);
  if (code != GSASL_OK) return failure(gsasl_strerror(code), user_);
  if (mechanism_ == "PLAIN" || mechanism_ == "LOGIN") {
    *verify = true;
    return {};
  }
  const char* const acts_as = gsasl_property_fast(session_.get(), GSASL_AUTHZID);
  if (acts_as != nullptr && *acts_as != '\0' && user_ != acts_as) {
    return failure("acting for another user is not allowed", user_);
  }
  finished_ = true;
  return said.empty() ? succeed() : challenge(said);
}

Step PasswordExchange::succeed() {
  return {.kind = Step::Kind::kSuccess,
          .text = {},
          .login = {.user = user_, .method = mechanism_, .tenant = tenant_, .from_domains = {}}};
}

int PasswordExchange::on_callback(Gsasl_session* session, Gsasl_property property) {
  switch (property) {
    case GSASL_VALIDATE_SIMPLE: {
      // Only kept here: checking takes time, and is done once the step is over.
      const char* const user = gsasl_property_fast(session, GSASL_AUTHID);
      const char* const acts_as = gsasl_property_fast(session, GSASL_AUTHZID);
      const char* const password = gsasl_property_fast(session, GSASL_PASSWORD);
      if (user == nullptr || password == nullptr || *user == '\0')
        return GSASL_AUTHENTICATION_ERROR;
      user_ = std::string_view(user).substr(0, kUserBytesMax);
      if (acts_as != nullptr && *acts_as != '\0' && user_ != acts_as) {
        return GSASL_AUTHENTICATION_ERROR;
      }
      if (std::strlen(user) > kUserBytesMax || std::strlen(password) > kPasswordBytesMax) {
        return GSASL_AUTHENTICATION_ERROR;
      }
      password_ = password;
      return GSASL_OK;
    }
    case GSASL_SCRAM_ITER:
    case GSASL_SCRAM_SALT:
    case GSASL_SCRAM_STOREDKEY:
    case GSASL_SCRAM_SERVERKEY:
      return provide_scram_secret(session);
    default:
      return GSASL_NO_CALLBACK;
  }
}

int PasswordExchange::provide_scram_secret(Gsasl_session* session) {
  const char* const user = gsasl_property_fast(session, GSASL_AUTHID);
  if (user == nullptr) return GSASL_NO_AUTHID;
  user_ = std::string_view(user).substr(0, kUserBytesMax);
  const lookup::LookupResult found = context_.settings.users.find(user_);
  if (found.is_temporary()) {
    trouble_ = "the user cannot be looked up now";
    return GSASL_AUTHENTICATION_ERROR;
  }
  std::optional<crypto::ScramSecret> secret;
  if (found.is_found()) {
    if (const auto entry = parse_passwd_entry(found.value())) {
      secret = crypto::parse_scram_secret(entry->hash);  // none for crypt(3)'s hashes
      tenant_ = entry->tenant;
    }
  }
  if (!secret) secret = decoy(context_, user_);
  const auto set = [session](Gsasl_property property, std::string_view bytes) {
    std::string encoded;
    text::append_base64(encoded, bytes);
    gsasl_property_set(session, property, encoded.c_str());
  };
  gsasl_property_set(session, GSASL_SCRAM_ITER, std::to_string(secret->iterations).c_str());
  set(GSASL_SCRAM_SALT, secret->salt);
  set(GSASL_SCRAM_STOREDKEY, secret->stored_key);
  set(GSASL_SCRAM_SERVERKEY, secret->server_key);
  return GSASL_OK;
}

/// A user that does not exist takes as long as a wrong password.
rt::Task<Step> PasswordExchange::verify_password() {
  if (user_ == kApiKeyUser && context_.settings.keys) {
    KeyDirectory::Answer answer = context_.settings.keys->find_key(password_);
    if (answer.status == KeyDirectory::Answer::Status::kTemporary) {
      co_return temporary("API keys cannot be looked up now", user_);
    }
    if (answer.status == KeyDirectory::Answer::Status::kNotFound) {
      co_return failure("the API key is not valid", user_);
    }
    Step step = succeed();
    step.login.tenant = std::move(answer.tenant);
    step.login.from_domains = std::move(answer.from_domains);
    co_return step;
  }
  const lookup::LookupResult found = context_.settings.users.find(user_);
  if (found.is_temporary()) co_return temporary("the user cannot be looked up now", user_);
  std::optional<PasswdEntry> entry;
  if (found.is_found()) {
    entry = parse_passwd_entry(found.value());
    if (!entry) co_return temporary("the user's entry is malformed", user_);
  }
  const bool known = entry.has_value();
  if (!known)
    entry = PasswdEntry{.hash = crypto::format_scram_secret(decoy(context_, user_)), .tenant = {}};
  const std::string hash = entry->hash;
  const std::string password = password_;
  const Result<bool> good =
      co_await env_.offload.run([hash, password] { return crypto::check_password(hash, password); },
                                env_.reactor.now() + kHashPatience);
  if (!good.ok()) co_return temporary("too many logins at a time", user_);
  if (!known || !*good) co_return failure("user or password is not right", user_);
  tenant_ = entry->tenant;
  co_return succeed();
}

// --- OAUTHBEARER

class BearerExchange final : public Exchange {
 public:
  explicit BearerExchange(const Context& context) : context_(context) {}

  rt::Task<Step> start(std::optional<std::string> initial) override {
    if (!initial) co_return challenge({});
    co_return judge(*initial);
  }
  rt::Task<Step> respond(std::string response) override {
    // RFC 7628 3.2.3: the client acknowledges the error, whatever it says.
    if (refused_) co_return failure("the token is not valid", std::string(kApiKeyUser));
    co_return judge(response);
  }

 private:
  Step judge(std::string_view response) {
    const std::optional<std::string> bytes = decode_response(response);
    const auto token = bytes ? parse_oauth_bearer(*bytes) : std::nullopt;
    if (!token) return failure("malformed response");
    KeyDirectory::Answer answer = context_.settings.keys->find_key(*token);
    if (answer.status == KeyDirectory::Answer::Status::kTemporary) {
      return temporary("API keys cannot be looked up now");
    }
    if (answer.status == KeyDirectory::Answer::Status::kNotFound) {
      refused_ = true;
      return challenge(R"({"status":"invalid_token"})");
    }
    return {.kind = Step::Kind::kSuccess,
            .text = {},
            .login = {.user = std::string(kApiKeyUser),
                      .method = std::string(kBearer),
                      .tenant = std::move(answer.tenant),
                      .from_domains = std::move(answer.from_domains)}};
  }

  const Context& context_;
  bool refused_ = false;
};

class PasswdServer final : public Server {
 public:
  explicit PasswdServer(PasswdSettings settings) {
    context_.settings = std::move(settings);
    context_.decoy_key = crypto::random_bytes(32);
    Gsasl* library = nullptr;
    BARID_ASSERT(gsasl_init(&library) == GSASL_OK);
    context_.library.reset(library);
    gsasl_callback_set(library, on_library_callback);
  }

  rt::Task<std::string> refresh(const ExchangeEnv&) override { co_return std::string(); }

  std::vector<std::string> mechanisms(const Peer& peer) const override {
    const PasswdSettings& settings = context_.settings;
    const SecurityOptions options = peer.encrypted ? settings.options_encrypted : settings.options;
    std::vector<std::string> names;
    const auto offer = [&](std::string_view name) {
      if (!mechanism_traits(name).fits(options)) return;
      if (settings.mechanism_filter && !settings.mechanism_filter->match(name).yes()) return;
      names.emplace_back(name);
    };
    if (context_.has_users() && !peer.channel_binding.empty()) offer("SCRAM-SHA-256-PLUS");
    for (const std::string_view name : kMechanisms) {
      const bool served = name == kBearer           ? settings.keys != nullptr
                          : name == "SCRAM-SHA-256" ? context_.has_users()
                                                    : context_.has_users() || settings.keys;
      if (served) offer(name);
    }
    return names;
  }

  std::unique_ptr<Exchange> begin(const ExchangeEnv& env, std::string_view mechanism,
                                  const Peer& peer) const override {
    if (mechanism == kBearer) return std::make_unique<BearerExchange>(context_);
    return std::make_unique<PasswordExchange>(env, context_, mechanism, peer);
  }

 private:
  Context context_;
};

}  // namespace

std::optional<PasswdEntry> parse_passwd_entry(std::string_view value) {
  constexpr std::string_view kTenant = "tenant=";
  PasswdEntry entry;
  std::string_view hash = text::take_word(value);
  if (hash.starts_with("{CRYPT}")) hash.remove_prefix(7);
  if (!crypto::is_password_hash(hash)) return std::nullopt;
  entry.hash = hash;
  for (std::string_view word; !(word = text::take_word(value)).empty();) {
    if (!word.starts_with(kTenant) || word.size() == kTenant.size()) return std::nullopt;
    entry.tenant = word.substr(kTenant.size());
  }
  return entry;
}

std::optional<std::string> parse_oauth_bearer(std::string_view response) {
  constexpr char kSeparator = '\x01';
  constexpr std::string_view kAuth = "auth=";
  const size_t header = response.find(kSeparator);
  // RFC 5801 4: "n", "y" or a channel binding that is not served here, then who it is for.
  if (header == std::string_view::npos ||
      (!response.starts_with("n,") && !response.starts_with("y,"))) {
    return std::nullopt;
  }
  response.remove_prefix(header + 1);
  std::optional<std::string> token;
  while (!response.empty() && response.front() != kSeparator) {
    const size_t end = response.find(kSeparator);
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view pair = response.substr(0, end);
    response.remove_prefix(end + 1);
    if (!pair.starts_with(kAuth)) continue;
    pair.remove_prefix(kAuth.size());
    const std::string_view scheme = text::take_word(pair);
    if (token || !text::equals_ignore_case(scheme, "Bearer")) return std::nullopt;
    token = std::string(text::trim(pair));
  }
  if (response.size() != 1 || !token || token->empty() || token->size() > kPasswordBytesMax) {
    return std::nullopt;
  }
  return token;
}

std::unique_ptr<Server> make_passwd_server(PasswdSettings settings) {
  return std::make_unique<PasswdServer>(std::move(settings));
}

}  // namespace barid::sasl
