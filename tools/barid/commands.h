// The subcommands of barid. Each prints its own --help and returns a sysexits.h status.
// Layer: tools.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace barid::tools {

int run_serve_command(std::span<const char* const> arguments, std::string_view name);
int run_dev_command(std::span<const char* const> arguments, std::string_view name);
int run_control_command(std::span<const char* const> arguments, std::string_view name);
int run_map_command(std::span<const char* const> arguments, std::string_view name);
int run_queue_command(std::span<const char* const> arguments, std::string_view name);
int run_postsuper_command(std::span<const char* const> arguments, std::string_view name);
int run_qshape_command(std::span<const char* const> arguments, std::string_view name);
int run_postcat_command(std::span<const char* const> arguments, std::string_view name);
/// `barid queue shape`, with the queue directory already found.
int run_shape(const std::string& queue_directory, std::span<const char* const> arguments,
              std::string_view name);
/// `barid queue cat`, likewise.
int run_cat(const std::string& queue_directory, std::span<const char* const> arguments,
            std::string_view name);
/// `barid queue shape --explain DOMAIN`, likewise.
int run_shape_explain(const std::string& queue_directory, std::span<const char* const> arguments,
                      std::string_view name);
/// `barid queue suspend`, `resume` and `suspensions`, likewise.
int run_suspend(const std::string& queue_directory, std::string_view verb,
                std::span<const char* const> arguments, std::string_view name);
/// `barid trace --live`, with the queue directory already found.
int run_trace_live(const std::string& queue_directory, bool of_client, const std::string& peer,
                   const std::string& duration, bool json);
int run_trace_command(std::span<const char* const> arguments, std::string_view name);
int run_top_command(std::span<const char* const> arguments, std::string_view name);
int run_key_command(std::span<const char* const> arguments, std::string_view name);
int run_doctor_command(std::span<const char* const> arguments, std::string_view name);
int run_dkim_command(std::span<const char* const> arguments, std::string_view name);
int run_suppressions_command(std::span<const char* const> arguments, std::string_view name);
int run_sendmail_command(std::span<const char* const> arguments, std::string_view name);
int run_links_command(std::span<const char* const> arguments, std::string_view name);

}  // namespace barid::tools
