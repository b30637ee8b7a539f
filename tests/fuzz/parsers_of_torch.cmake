# The parsers that include LibTorch, for libFuzzer: each with the few files it needs, instrumented,
# against LibTorch as it is.
find_package(CLI11 REQUIRED)
include(${CMAKE_SOURCE_DIR}/samplers/torch.cmake)

# skipcast_fuzz_torch(parser sources...): as skipcast_fuzz(), with sources of engine and tools.
function(skipcast_fuzz_torch parser)
  skipcast_fuzz(${parser} skipcast_torch skipcast::storage fmt::fmt)
  set(sources ${ARGN} engine/fmt_symbols.cc)
  list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/)
  target_sources(${parser}_fuzz PRIVATE ${sources})
  # LibTorch's classes bring no type information that UBSan's vptr check could read.
  target_compile_options(${parser}_fuzz PRIVATE -fno-sanitize=vptr)
endfunction()

skipcast_fuzz_torch(safetensors engine/weights.cc)
skipcast_fuzz_torch(policy engine/policy.cc engine/depth_rule.cc engine/options_json.cc
  engine/start_words.cc)

# The subcommands are declared and parsed, never run: what they would call is not linked. The
# options' help lists the solvers, so their table is.
file(GLOB samplers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/samplers/*.cc)
skipcast_fuzz_torch(command_line tools/command_line.cc tools/cli.cc tools/suggest.cc
  tools/forecast_flags.cc tools/cmd_archive.cc tools/cmd_compare.cc tools/cmd_doctor.cc
  tools/cmd_evaluate.cc tools/cmd_forecast.cc tools/cmd_ingest.cc tools/cmd_inspect.cc
  tools/cmd_report.cc tools/cmd_train.cc tools/cmd_tune.cc tools/cmd_verify.cc
  engine/presets.cc ${samplers})
target_link_libraries(command_line_fuzz PRIVATE CLI11::CLI11)
# Comparisons of strings are watched by libFuzzer's own hooks; watching every other one costs half
# the speed.
target_compile_options(command_line_fuzz PRIVATE -fno-sanitize-coverage=trace-cmp)
target_link_options(command_line_fuzz PRIVATE -fuse-ld=lld -Wl,--unresolved-symbols=ignore-all)
target_compile_definitions(command_line_fuzz PRIVATE SKIPCAST_VERSION="fuzz"
  SKIPCAST_ROCKSDB_VERSION="" SKIPCAST_NETCDF_VERSION="" SKIPCAST_FAISS_VERSION=""
  SKIPCAST_CUDA_BUILD="OFF")
