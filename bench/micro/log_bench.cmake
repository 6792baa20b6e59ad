# Micro benchmark of the log; run build/release/bin/log_bench.
add_executable(log_bench ${PROJECT_SOURCE_DIR}/bench/micro/log_bench.cc)
target_link_libraries(log_bench PRIVATE core_obs benchmark::benchmark)
