# Micro benchmark of the SMTP client's pure parts; run build/release/bin/smtp_client_bench.
add_executable(smtp_client_bench ${PROJECT_SOURCE_DIR}/bench/micro/smtp_client_bench.cc)
target_link_libraries(smtp_client_bench PRIVATE smtp_client_machine benchmark::benchmark)
