# Micro benchmarks of the runtime; run build/release/bin/runtime_bench.
add_executable(runtime_bench ${PROJECT_SOURCE_DIR}/bench/micro/runtime_bench.cc)
target_link_libraries(runtime_bench PRIVATE shard_net shard_runtime benchmark::benchmark)
