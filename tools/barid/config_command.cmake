# barid config; included by tools/CMakeLists.txt.
barid_library(tools_config_command
              SRCS ${CMAKE_CURRENT_LIST_DIR}/config_command.cc
                   ${CMAKE_CURRENT_LIST_DIR}/config_command_host.cc
                   ${CMAKE_CURRENT_LIST_DIR}/config_command_master.cc
                   ${CMAKE_CURRENT_LIST_DIR}/config_command_options.cc
              DEPS core_base core_config core_lookup fmt::fmt
              TESTS ${CMAKE_CURRENT_LIST_DIR}/config_command_test.cc)
