# The compiler is pinned on evidence (docs/adr/0001-compiler.md): g++ 12 miscompiles several
# coroutine forms that this code base uses, so it is refused instead of silently breaking mail.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR "barid: g++ miscompiles coroutines (docs/adr/0001-compiler.md); configure with a preset or -DCMAKE_CXX_COMPILER=clang++-16")
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
  message(FATAL_ERROR "barid: needs clang 16 or newer, found ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}; run tools/install-deps")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                    -Wold-style-cast -Wno-gnu-statement-expression)
if(BARID_WERROR)
  add_compile_options(-Werror)
endif()

set(BARID_SANITIZE "" CACHE STRING "sanitizers: address,undefined | thread | fuzzer-no-link,address,undefined")
if(BARID_SANITIZE)
  add_compile_options(-fsanitize=${BARID_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BARID_SANITIZE})
endif()
add_link_options(-fuse-ld=lld-16)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
