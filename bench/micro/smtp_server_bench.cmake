# Micro benchmark of the SMTP server's pure parts; run build/release/bin/smtp_server_bench.
add_executable(smtp_server_bench ${PROJECT_SOURCE_DIR}/bench/micro/smtp_server_bench.cc)
target_link_libraries(smtp_server_bench PRIVATE smtp_machine benchmark::benchmark)
