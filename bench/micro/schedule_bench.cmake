# Micro benchmark of whose turn it is; run build/release/bin/schedule_bench.
add_executable(schedule_bench ${PROJECT_SOURCE_DIR}/bench/micro/schedule_bench.cc)
target_link_libraries(schedule_bench PRIVATE shard_schedule shard_sim benchmark::benchmark)
