// The parts of settings.cc, one subject a file. Internal to settings*.cc. Layer: tools.
#pragma once

#include <string_view>
#include <vector>

#include "tools/barid/settings.h"

namespace barid::tools {

using ConfigurationScope = config::Configuration::Scope;

/// The places of a scope's settings, for what is opened for it. Borrows the scope.
class ScopePlaces final : public lookup::PlaceFinder {
 public:
  explicit ScopePlaces(const ConfigurationScope& scope) : scope_(scope) {}
  [[nodiscard]] std::string start_of(std::string_view parameter) const override {
    return scope_.start_of(parameter);
  }
  [[nodiscard]] lookup::OpenContext in(const lookup::OpenContext& context) const {
    lookup::OpenContext own = context;
    own.places = this;
    return own;
  }

 private:
  const ConfigurationScope& scope_;
};

/// A shard's part of a process-wide limit: at least 1, and 0 (none) stays 0.
[[nodiscard]] uint64_t share_of(uint64_t total, uint16_t shards_count) noexcept;

[[nodiscard]] lookup::Subdomains subdomains(const config::Configuration& configuration,
                                            std::string_view list);
[[nodiscard]] policy::AddressClasses address_classes(const config::Configuration& configuration,
                                                     const ConfigurationScope& scope,
                                                     const lookup::OpenContext& context);
/// return_path_addresses and fbl_address.
[[nodiscard]] policy::FeedbackAddresses feedback_addresses(const ConfigurationScope& scope);
[[nodiscard]] lookup::AddressList address_list(const config::Configuration& configuration,
                                               const ConfigurationScope& scope,
                                               std::string_view name,
                                               const lookup::OpenContext& context);

// settings_tls.cc
enum class ServerTlsLevel : uint8_t { kNone, kMay, kEncrypt };
[[nodiscard]] ServerTlsLevel server_tls_level(const ConfigurationScope& scope, Problems* problems);
/// "FILE, line 3: parameter: …" for an error that starts with its parameter.
[[nodiscard]] std::string located(const ConfigurationScope& scope, const std::string& error);
[[nodiscard]] net::TlsVersions versions_of(const ConfigurationScope& scope,
                                           const std::string& parameter, Problems* problems);
/// `<prefix>_tls_chain_files` and its kin.
[[nodiscard]] net::TlsIdentity tls_identity(const ConfigurationScope& scope,
                                            const std::string& prefix);
[[nodiscard]] std::string tls_ciphers(const ConfigurationScope& scope, const std::string& parameter,
                                      const std::vector<std::string>& exclusions,
                                      Problems* problems);
/// Null if there is no certificate, which only for mandatory TLS is an error, or after an error.
[[nodiscard]] std::unique_ptr<const net::TlsServerContext> server_tls_context(
    const ConfigurationScope& scope, const std::string& service, bool mandatory,
    const lookup::OpenContext& context, std::vector<std::string>* files, Problems* problems);
/// HTTPS, where smtpd_tls_wrappermode is set for the service; else null.
[[nodiscard]] std::shared_ptr<const http::ServiceTls> https(
    const ConfigurationScope& scope, const std::string& service, const lookup::OpenContext& context,
    uint16_t shards_count, std::vector<std::string>* files, Problems* problems);
/// Also tells `protocol` what it may announce and must insist on.
[[nodiscard]] smtp::ServerTls server_tls(const ConfigurationScope& scope,
                                         const std::string& service,
                                         const lookup::OpenContext& context, uint16_t shards_count,
                                         smtp::ServerPolicy* protocol, Problems* problems);

/// How long a PROXY header is waited for (smtpd_upstream_proxy_protocol); 0 = there is none.
[[nodiscard]] Duration proxy_timeout(const ConfigurationScope& scope, Problems* problems);

// settings_client_tls.cc
/// `prefix` is "smtp" or "lmtp".
[[nodiscard]] smtp::ClientTls client_tls(const config::Configuration& configuration,
                                         const ConfigurationScope& scope, const std::string& prefix,
                                         const lookup::OpenContext& context, Problems* problems);

[[nodiscard]] TlsReportSettings tls_report_settings(const config::Configuration& configuration,
                                                    Problems* problems);

// settings_server.cc
[[nodiscard]] std::shared_ptr<const smtp::ServerSettings> server_settings(
    const config::Configuration& configuration, const config::ServiceEntry& entry,
    uint16_t shards_count, const lookup::OpenContext& context, Problems* problems);
/// For programs of this host: `$queue_directory/public/pickup`, where sendmail submits.
[[nodiscard]] std::shared_ptr<const smtp::ServerSettings> local_server_settings(
    const config::Configuration& configuration, const lookup::OpenContext& context,
    Problems* problems);
/// Where a service listens. An empty host means inet_interfaces.
[[nodiscard]] std::vector<net::SocketAddress> listen_addresses(
    const config::Configuration& configuration, const config::ServiceEntry& entry,
    Problems* problems);

/// "FILE, line 3: "; empty for a service that no file lists.
[[nodiscard]] std::string place_of(const config::ServiceEntry& entry);

// settings_http.cc
/// The tables of http_api_key_maps: what can be listed of them is checked as a whole.
void check_api_keys(const ConfigurationScope& scope, const lookup::OpenContext& context,
                    Problems* problems);
/// webhook_private_networks: where HTTPS calls that others ask for may go.
[[nodiscard]] http::AddressPolicy webhook_policy(const config::Configuration& configuration,
                                                 Problems* problems);
[[nodiscard]] std::vector<HttpListenSettings> http_listeners(
    const config::Configuration& configuration, uint16_t shards_count,
    const lookup::OpenContext& context, Problems* problems);

// settings_schedule.cc
[[nodiscard]] schedule::TransportLimits transport_limits(const config::Configuration& configuration,
                                                         const config::ServiceEntry& entry,
                                                         uint16_t shards_count, Problems* problems);
[[nodiscard]] SettingOrigins setting_origins(const config::Configuration& configuration,
                                             const std::string& transport);
[[nodiscard]] std::unique_ptr<policy::DestinationPolicy> site_rules(
    const config::Configuration& configuration, const lookup::OpenContext& context);

/// The place and name of `<transport><suffix>`, or of what it is taken from, for a complaint.
[[nodiscard]] std::string transport_parameter_place(const config::Configuration& configuration,
                                                    const std::string& transport,
                                                    const std::string& suffix);

// settings_egress.cc
[[nodiscard]] std::shared_ptr<const policy::EgressPools> egress_pools(
    const config::Configuration& configuration, const lookup::OpenContext& context);
/// Every pool that rules and transports name must be there.
void check_pools(const config::Configuration& configuration, const policy::EgressPools& pools,
                 const policy::DestinationPolicy& rules,
                 const std::vector<TransportSettings>& transports, Problems* problems);

// settings_check.cc
/// Transports that parameters and tables name must be there, destinations in tables must parse.
void check_routes(const config::Configuration& configuration, const lookup::OpenContext& context,
                  Problems* problems);
/// Where bounces and complaints come back: addresses, and what VERP puts them together with.
void check_feedback(const config::Configuration& configuration, Problems* problems);

// settings.cc
[[nodiscard]] dns::UnboundOptions dns_options(const config::Configuration& configuration,
                                              Problems* problems);

// settings_dkim.cc
/// What rules that do not say it themselves have.
[[nodiscard]] policy::DkimDefaults dkim_defaults(const config::Configuration& configuration,
                                                 const lookup::OpenContext& context);
[[nodiscard]] policy::DkimSettings dkim_settings(const config::Configuration& configuration,
                                                 const lookup::OpenContext& context);
[[nodiscard]] policy::ArcSettings arc_settings(const config::Configuration& configuration,
                                               const lookup::OpenContext& context);

// settings_sasl.cc
/// Tables with passwords are nobody else's to read: a warning. What everybody may write to is no
/// table of passwords: an error.
void check_secret_tables(const ConfigurationScope& scope, const std::string& parameter,
                         Problems* problems);
[[nodiscard]] smtp::AuthSettings auth_settings(const config::Configuration& configuration,
                                               const ConfigurationScope& scope,
                                               const lookup::OpenContext& context,
                                               Problems* problems);

/// Null: smtp_sasl_auth_enable = no. `prefix` is "smtp_" or "lmtp_".
[[nodiscard]] std::shared_ptr<const smtp::ClientLogins> client_logins(
    const ConfigurationScope& scope, const std::string& prefix, Problems* problems);

// settings_client.cc
[[nodiscard]] std::vector<TransportSettings> all_transports(
    const config::Configuration& configuration, uint16_t shards_count,
    const lookup::OpenContext& context, Problems* problems);

// settings_notices.cc
[[nodiscard]] NoticeSettings notice_settings(const config::Configuration& configuration,
                                             const lookup::OpenContext& context);

}  // namespace barid::tools
