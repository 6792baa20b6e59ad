# Micro benchmark of DKIM; run build/release/bin/dkim_bench.
add_executable(dkim_bench ${PROJECT_SOURCE_DIR}/bench/micro/dkim_bench.cc)
target_link_libraries(dkim_bench PRIVATE core_mail_dkim core_crypto core_mem shard_runtime benchmark::benchmark)
