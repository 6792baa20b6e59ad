# Listings of `barid queue list`, mailq and `postqueue -j`; include from tools/CMakeLists.txt.
set(tools_queue_list_dir ${PROJECT_SOURCE_DIR}/tools/barid)
find_package(Boost 1.81 REQUIRED)
barid_library(tools_json_library SRCS ${tools_queue_list_dir}/json_library.cc DEPS Boost::headers)
barid_library(tools_queue_list
  SRCS ${tools_queue_list_dir}/queue_list.cc ${tools_queue_list_dir}/queue_list_json.cc
  DEPS core_base core_text core_mail fmt::fmt
  TESTS ${tools_queue_list_dir}/queue_list_test.cc
  FUZZ ${tools_queue_list_dir}/queue_list_fuzz.cc)
target_link_libraries(tools_queue_list PRIVATE tools_json_library)
