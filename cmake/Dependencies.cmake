# Third-party libraries, all from Debian 12 (tools/install-deps). Each is linked by the one folder
# that wraps it and never appears in a header another folder includes (docs/style.md A5).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(absl REQUIRED)
find_package(RocksDB REQUIRED)
find_package(Protobuf REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(libidn2 REQUIRED IMPORTED_TARGET libidn2)

# Debian's libunbound.pc asks for private packages that nothing here needs, so it is found by hand.
find_library(BARID_UNBOUND_LIBRARY unbound REQUIRED)
find_path(BARID_UNBOUND_INCLUDE unbound.h REQUIRED)
add_library(barid_unbound INTERFACE)
target_link_libraries(barid_unbound INTERFACE ${BARID_UNBOUND_LIBRARY})
target_include_directories(barid_unbound SYSTEM INTERFACE ${BARID_UNBOUND_INCLUDE})
