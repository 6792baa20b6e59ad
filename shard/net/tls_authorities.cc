#include "shard/net/tls_authorities.h"

#include <dirent.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include "core/crypto/secret_file.h"
#include "shard/net/tls_internal.h"

namespace barid::net {
namespace {

constexpr size_t kStoresMax = 16;  // kept for contexts to come

struct FreeStore {
  void operator()(X509_STORE* store) const noexcept { X509_STORE_free(store); }
};
using Store = std::unique_ptr<X509_STORE, FreeStore>;

/// "0a1b2c3d.0": what OpenSSL looks for in such a directory.
bool is_hash_name(std::string_view name) noexcept {
  constexpr size_t kHashChars = 8;
  if (name.size() < kHashChars + 2 || name[kHashChars] != '.') return false;
  const auto all = [](std::string_view text, std::string_view of) {
    return text.find_first_not_of(of) == std::string_view::npos;
  };
  return all(name.substr(0, kHashChars), "0123456789abcdef") &&
         all(name.substr(kHashChars + 1), "0123456789");
}

struct Listing {
  std::vector<std::string> files;  // with their directory, sorted
  std::string problem;
};

Listing list_hashed(const std::string& directory) {
  DIR* const open = ::opendir(directory.c_str());
  if (open == nullptr) return {.files = {}, .problem = std::strerror(errno)};
  Listing listing;
  while (const dirent* entry = ::readdir(open)) {
    if (!is_hash_name(entry->d_name)) continue;
    if (listing.files.size() == kAuthorityFilesMax) {
      listing.problem = fmt::format("more than {} files", kAuthorityFilesMax);
      break;
    }
    listing.files.push_back(fmt::format("{}/{}", directory, entry->d_name));
  }
  ::closedir(open);
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

/// What is to be read, and what it looks like now: equal texts mean equal authorities.
struct Sources {
  std::vector<std::string> own;     // a problem with one is an error
  std::vector<std::string> system;  // or passed over
  std::string identity;
};

void identify(const std::vector<std::string>& files, std::string* identity) {
  for (const std::string& file : files) {
    const crypto::FileIdentity now = crypto::identify_file(file);
    *identity +=
        fmt::format("{} {} {} {} {}\n", file, now.device, now.inode, now.changed_nanos, now.bytes);
  }
}

/// Where OpenSSL would look by itself.
std::vector<std::string> system_files() {
  const auto value = [](const char* variable, const char* otherwise) {
    const char* const set = ::secure_getenv(variable);
    return std::string(set != nullptr ? set : otherwise);
  };
  std::vector<std::string> files;
  std::string file = value(X509_get_default_cert_file_env(), X509_get_default_cert_file());
  if (crypto::identify_file(file) != crypto::FileIdentity{}) files.push_back(std::move(file));
  const std::string list = value(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(':', at), list.size());
    const std::string directory = list.substr(at, end - at);
    const Listing listing = directory.empty() ? Listing{} : list_hashed(directory);
    files.insert(files.end(), listing.files.begin(), listing.files.end());
    at = end + 1;
  }
  return files;
}

Store load(const TlsAuthorities& authorities, const Sources& sources, std::string* error) {
  Store store(X509_STORE_new());
  X509_LOOKUP* const lookup =
      store ? X509_STORE_add_lookup(store.get(), X509_LOOKUP_file()) : nullptr;
  if (lookup == nullptr) {
    *error = "out of memory";
    return nullptr;
  }
  for (const std::string& file : sources.own) {
    if (X509_load_cert_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM) > 0) continue;
    const bool is_file = file == authorities.file;
    // OpenSSL has no words for what the system says.
    const bool readable = ::access(file.c_str(), R_OK) == 0;
    const std::string reason = readable ? library_reason() : std::strerror(errno);
    *error = fmt::format("{}: {}: {}",
                         is_file ? authorities.file_parameter : authorities.directory_parameter,
                         file, reason);
    return nullptr;
  }
  for (const std::string& file : sources.system) {
    static_cast<void>(X509_load_cert_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM));
  }
  ERR_clear_error();
  return store;
}

struct Kept {
  std::string identity;
  Store store;
};

}  // namespace

std::string trust_authorities(ssl_ctx_st* context, const TlsAuthorities& authorities,
                              std::vector<std::string>* warnings, std::string* identity) {
  Sources sources;
  if (!authorities.file.empty()) sources.own.push_back(authorities.file);
  if (!authorities.directory.empty()) {
    Listing listing = list_hashed(authorities.directory);
    const std::string place =
        fmt::format("{}: {}", authorities.directory_parameter, authorities.directory);
    if (!listing.problem.empty()) return fmt::format("{}: {}", place, listing.problem);
    if (listing.files.empty()) {
      warnings->push_back(place + ": no file is named by hash: openssl rehash makes the links");
    }
    std::move(listing.files.begin(), listing.files.end(), std::back_inserter(sources.own));
  }
  if (authorities.system) sources.system = system_files();
  identify(sources.own, &sources.identity);
  sources.identity += "\n";
  identify(sources.system, &sources.identity);
  if (identity != nullptr) *identity = sources.identity;

  static std::mutex mutex;
  static std::vector<Kept> kept;  // the latest last
  const std::lock_guard lock(mutex);
  auto found = std::find_if(kept.begin(), kept.end(),
                            [&](const Kept& one) { return one.identity == sources.identity; });
  if (found == kept.end()) {
    ERR_clear_error();
    std::string error;
    Store store = load(authorities, sources, &error);
    if (!store) return error;
    if (kept.size() == kStoresMax) kept.erase(kept.begin());
    kept.push_back({.identity = std::move(sources.identity), .store = std::move(store)});
    found = kept.end() - 1;
  }
  SSL_CTX_set1_cert_store(context, found->store.get());
  return {};
}

}  // namespace barid::net
