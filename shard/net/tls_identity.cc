#include "shard/net/tls_identity.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "core/lookup/files.h"

namespace barid::net {
namespace {

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_free(chain); }
};
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

std::string library_reason(std::string_view otherwise) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason != nullptr ? reason : std::string(otherwise);
}

/// A key with its certificates, as far as they were read.
struct Pair {
  Key key;
  std::vector<Certificate> chain;
  std::string place;  // parameter and file of what was read last
};

/// Objects of one PEM text, in order.
struct PemReader {
  /// Reads the next object into `key` or `certificate`. False at the end, or with `error` set.
  bool next(Key* key, Certificate* certificate) {
    for (;;) {
      char* name = nullptr;
      char* header = nullptr;
      unsigned char* bytes = nullptr;
      long length = 0;
      if (PEM_read_bio(bio.get(), &name, &header, &bytes, &length) != 1) {
        const unsigned long code = ERR_peek_last_error();
        if (ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
          ERR_clear_error();
        } else {
          error = library_reason("malformed PEM");
        }
        return false;
      }
      const bool used = take(name, header, bytes, length, key, certificate);
      OPENSSL_free(name);
      OPENSSL_free(header);
      OPENSSL_clear_free(bytes, static_cast<size_t>(length));
      if (used) return error.empty();
    }
  }

  std::unique_ptr<BIO, Free> bio;
  std::string error;

 private:
  /// False: nothing that matters here, e.g. EC PARAMETERS.
  bool take(std::string_view name, std::string_view header, const unsigned char* bytes, long length,
            Key* key, Certificate* certificate) {
    const unsigned char* position = bytes;
    if (name == "CERTIFICATE" || name == "X509 CERTIFICATE") {
      certificate->reset(d2i_X509(nullptr, &position, length));
      if (*certificate == nullptr) error = "malformed certificate: " + library_reason("");
      return true;
    }
    if (name == "ENCRYPTED PRIVATE KEY" || header.find("ENCRYPTED") != std::string_view::npos) {
      error = "the private key is encrypted: a server cannot ask for its password";
      return true;
    }
    if (!name.ends_with("PRIVATE KEY")) return false;
    key->reset(d2i_AutoPrivateKey(nullptr, &position, length));
    if (*key == nullptr) error = "malformed private key: " + library_reason("");
    return true;
  }
};

PemReader reader_of(const std::string& text) {
  PemReader reader;
  reader.bio.reset(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return reader;
}

std::string about(std::string_view parameter, const std::string& file, std::string_view what) {
  return fmt::format("{}: {}: {}", parameter, file, what);
}

std::string read_certificates(const TlsKeyPair& files, Pair* pair) {
  const bool has_key = files.certificate_file == files.key_file;
  const Result<std::string> text = has_key ? lookup::read_private_file(files.certificate_file)
                                           : lookup::read_whole_file(files.certificate_file);
  if (!text.ok()) {
    return fmt::format("{}: {}", files.certificate_parameter,
                       lookup::open_failure(files.certificate_file, text.error()));
  }
  PemReader reader = reader_of(*text);
  Key key;
  Certificate certificate;
  while (reader.next(&key, &certificate)) {
    if (certificate) pair->chain.push_back(std::move(certificate));
  }
  if (!reader.error.empty() && (pair->chain.empty() || !has_key)) {
    return about(files.certificate_parameter, files.certificate_file, reader.error);
  }
  if (pair->chain.empty()) {
    return about(files.certificate_parameter, files.certificate_file, "holds no certificate");
  }
  return {};
}

std::string read_key(const TlsKeyPair& files, Pair* pair) {
  const Result<std::string> text = lookup::read_private_file(files.key_file);
  if (!text.ok()) {
    return fmt::format("{}: {}", files.key_parameter,
                       lookup::open_failure(files.key_file, text.error()));
  }
  PemReader reader = reader_of(*text);
  Certificate certificate;
  while (!pair->key && reader.next(&pair->key, &certificate)) {
  }
  if (!reader.error.empty()) return about(files.key_parameter, files.key_file, reader.error);
  if (!pair->key) return about(files.key_parameter, files.key_file, "holds no private key");
  return {};
}

void warn_of_dates(const Certificate& certificate, const std::string& place,
                   std::vector<std::string>* warnings) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    warnings->push_back(place + ": the certificate has expired");
  } else if (X509_cmp_current_time(X509_get0_notBefore(certificate.get())) > 0) {
    warnings->push_back(place + ": the certificate is not valid yet");
  }
}

std::string install(SSL_CTX* context, const Pair& pair, const std::string& place,
                    std::vector<std::string>* warnings) {
  if (X509_check_private_key(pair.chain.front().get(), pair.key.get()) != 1) {
    ERR_clear_error();
    return place + ": the private key does not belong to the certificate";
  }
  const std::unique_ptr<STACK_OF(X509), Free> chain(sk_X509_new_null());
  for (size_t i = 1; i < pair.chain.size(); ++i) {
    if (sk_X509_push(chain.get(), pair.chain[i].get()) == 0) return place + ": out of memory";
  }
  // With `override` 0: a second certificate for the same kind of key is an error.
  if (SSL_CTX_use_cert_and_key(context, pair.chain.front().get(), pair.key.get(), chain.get(), 0) !=
      1) {
    return fmt::format("{}: {}", place, library_reason("cannot be used"));
  }
  warn_of_dates(pair.chain.front(), place, warnings);
  return {};
}

std::string use_chain_file(SSL_CTX* context, const std::string& parameter, const std::string& file,
                           Pair* pair, std::vector<std::string>* warnings) {
  const Result<std::string> text = lookup::read_private_file(file);
  if (!text.ok()) {
    return fmt::format("{}: {}", parameter, lookup::open_failure(file, text.error()));
  }
  const std::string place = fmt::format("{}: {}", parameter, file);
  PemReader reader = reader_of(*text);
  Key key;
  Certificate certificate;
  while (reader.next(&key, &certificate)) {
    if (certificate) {
      if (!pair->key) return place + ": a certificate stands before its private key";
      pair->chain.push_back(std::move(certificate));
      pair->place = place;
      continue;
    }
    if (pair->key) {
      if (pair->chain.empty()) return pair->place + ": a private key has no certificate behind it";
      if (std::string problem = install(context, *pair, pair->place, warnings); !problem.empty())
        return problem;
      pair->chain.clear();
    }
    pair->key = std::move(key);
    pair->place = place;
  }
  if (!reader.error.empty()) return fmt::format("{}: {}", place, reader.error);
  return {};
}

}  // namespace

std::string use_identity(ssl_ctx_st* context, const TlsIdentity& identity,
                         std::vector<std::string>* warnings) {
  if (!identity.chain_files.empty()) {
    Pair pair;
    for (const std::string& file : identity.chain_files) {
      std::string problem =
          use_chain_file(context, identity.chain_parameter, file, &pair, warnings);
      if (!problem.empty()) return problem;
    }
    const std::string place =
        fmt::format("{}: {}", identity.chain_parameter, identity.chain_files.back());
    if (!pair.key) return place + ": holds no private key";
    if (pair.chain.empty()) return pair.place + ": a private key has no certificate behind it";
    return install(context, pair, pair.place, warnings);
  }
  for (const TlsKeyPair& files : identity.pairs) {
    Pair pair;
    std::string problem = read_certificates(files, &pair);
    if (problem.empty()) problem = read_key(files, &pair);
    if (problem.empty()) {
      problem = install(context, pair,
                        fmt::format("{}: {}", files.certificate_parameter, files.certificate_file),
                        warnings);
    }
    if (!problem.empty()) return problem;
  }
  return {};
}

std::vector<std::string> identity_files(const TlsIdentity& identity) {
  std::vector<std::string> files = identity.chain_files;
  for (const TlsKeyPair& pair : identity.pairs) {
    files.push_back(pair.certificate_file);
    if (pair.key_file != pair.certificate_file) files.push_back(pair.key_file);
  }
  return files;
}

}  // namespace barid::net
