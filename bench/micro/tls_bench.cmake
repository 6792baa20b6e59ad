# Micro benchmark of TLS; run build/release/bin/tls_bench.
add_executable(tls_bench ${PROJECT_SOURCE_DIR}/bench/micro/tls_bench.cc)
target_link_libraries(tls_bench PRIVATE shard_net OpenSSL::SSL PkgConfig::jemalloc benchmark::benchmark)
