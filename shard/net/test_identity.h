// For tests: a key and a self-signed certificate in a file, and its parts as text.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace barid::net {

/// A key and a self-signed certificate for `name`, written to `path`.
inline void make_identity(const std::string& path, const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  std::FILE* file = std::fopen(path.c_str(), "w");
  ::fchmod(::fileno(file), 0600);
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_X509(file, certificate);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

/// What `write` puts into a file, of the certificate in `path`.
template <typename Write>
std::string pem_text(const std::string& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  X509* certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
  std::fclose(file);
  BIO* out = BIO_new(BIO_s_mem());
  write(out, certificate);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out, &text);
  std::string copy(text, static_cast<size_t>(length));
  BIO_free(out);
  X509_free(certificate);
  return copy;
}
inline std::string certificate_text(const std::string& path) {
  return pem_text(path, [](BIO* out, X509* certificate) { PEM_write_bio_X509(out, certificate); });
}
inline std::string public_key_text(const std::string& path) {
  return pem_text(path, [](BIO* out, X509* certificate) {
    PEM_write_bio_PUBKEY(out, X509_get0_pubkey(certificate));
  });
}

}  // namespace barid::net
