# Micro benchmark of a submission's way from JSON to a message; run build/release/bin/submit_bench.
add_executable(submit_bench ${PROJECT_SOURCE_DIR}/bench/micro/submit_bench.cc)
target_link_libraries(submit_bench PRIVATE http_submit core_mail_compose benchmark::benchmark)
