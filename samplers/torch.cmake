# skipcast_torch: LibTorch out of the torch wheel, as an INTERFACE target of our own. The wheel's
# own CMake files want a CUDA toolkit even for CPU work. It must stand FIRST in every final link
# line (its MKL must win over a reference BLAS that FAISS would pull in).
include_guard(GLOBAL)
if(SKIPCAST_TORCH_DIR)
  set(skipcast_torch_root ${SKIPCAST_TORCH_DIR})
elseif(DEFINED ENV{SKIPCAST_TORCH_DIR})
  set(skipcast_torch_root $ENV{SKIPCAST_TORCH_DIR})
else()
  set(skipcast_cache $ENV{SKIPCAST_CACHE})
  if(NOT skipcast_cache)
    set(skipcast_cache $ENV{HOME}/.cache/skipcast)
  endif()
  set(skipcast_torch_root ${skipcast_cache}/torch-2.11.0-cpu)
  if(SKIPCAST_CUDA STREQUAL "ON" OR (SKIPCAST_CUDA STREQUAL "AUTO"
      AND EXISTS ${skipcast_cache}/torch-2.11.0-cuda/torch/lib/libtorch_cuda.so))
    set(skipcast_torch_root ${skipcast_cache}/torch-2.11.0-cuda)
  endif()
endif()
set(skipcast_torch_lib ${skipcast_torch_root}/torch/lib)
if(NOT EXISTS ${skipcast_torch_lib}/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch under ${skipcast_torch_root}: run tools/setup first, or pass "
    "-DSKIPCAST_TORCH_DIR=<folder that holds torch/>, or -DSKIPCAST_TORCH=OFF for storage and retrieval only.")
endif()

add_library(skipcast_torch INTERFACE IMPORTED GLOBAL)
target_include_directories(skipcast_torch SYSTEM INTERFACE
  ${skipcast_torch_root}/torch/include ${skipcast_torch_root}/torch/include/torch/csrc/api/include)
target_link_directories(skipcast_torch INTERFACE ${skipcast_torch_lib})
set(skipcast_torch_names "${skipcast_torch_lib}/libtorch_cpu.so;${skipcast_torch_lib}/libc10.so")
if(EXISTS ${skipcast_torch_lib}/libtorch_cuda.so AND NOT SKIPCAST_CUDA STREQUAL "OFF")
  set(skipcast_torch_names "${skipcast_torch_names};-Wl,--no-as-needed;${skipcast_torch_lib}/libtorch.so"
      "${skipcast_torch_lib}/libtorch_cuda.so;${skipcast_torch_lib}/libc10_cuda.so;-Wl,--as-needed")
endif()
target_link_libraries(skipcast_torch INTERFACE
  "-Wl,-rpath,${skipcast_torch_lib};-Wl,--disable-new-dtags;-Wl,--allow-shlib-undefined" ${skipcast_torch_names})

set(skipcast_precompiled_headers <algorithm> <functional> <map> <memory> <string> <vector>
  <ATen/ATen.h> <fmt/format.h> <nlohmann/json.hpp>)

# skipcast_precompile(target): the target's files begin with a header of LibTorch's tensors, JSON,
# fmt and the standard library, compiled once for all of them. torch/nn.h is not in it: it would
# make every file slower than the narrow headers make the few that need modules.
function(skipcast_precompile target)
  if(NOT SKIPCAST_PCH)
    return()
  endif()
  if(NOT TARGET skipcast_precompiled)
    add_library(skipcast_precompiled OBJECT ${CMAKE_SOURCE_DIR}/samplers/precompiled.cc)
    target_link_libraries(skipcast_precompiled PRIVATE skipcast_torch fmt::fmt)
    target_precompile_headers(skipcast_precompiled PRIVATE ${skipcast_precompiled_headers})
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")  # -fPIE by default, which GCC does not take for the same
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_link_libraries(${target} PRIVATE fmt::fmt)  # whose definitions the header was made with
  target_precompile_headers(${target} REUSE_FROM skipcast_precompiled)
endfunction()
