# Pure parts of the queue commands and of the admin API about the queue; include from
# tools/CMakeLists.txt.
set(tools_queue_dir ${PROJECT_SOURCE_DIR}/tools/barid)
barid_library(tools_queue
  SRCS ${tools_queue_dir}/admin_queue_text.cc ${tools_queue_dir}/postcat.cc ${tools_queue_dir}/qshape.cc
       ${tools_queue_dir}/queue_client_text.cc ${tools_queue_dir}/top_view.cc ${tools_queue_dir}/trace_view.cc
  DEPS core_base core_text core_mail http_engine shard_schedule tools_queue_list absl::btree
       absl::flat_hash_set fmt::fmt
  TESTS ${tools_queue_dir}/admin_queue_text_test.cc ${tools_queue_dir}/postcat_test.cc
        ${tools_queue_dir}/qshape_test.cc
        ${tools_queue_dir}/queue_client_test.cc ${tools_queue_dir}/top_view_test.cc
        ${tools_queue_dir}/trace_view_test.cc)
target_link_libraries(tools_queue PRIVATE Boost::headers)
