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

skipcast_fuzz_torch(safetensors engine/models/weights.cc)
# Settings name solvers, so the table of these belongs to them.
file(GLOB settings CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/engine/settings/*.cc)
file(GLOB_RECURSE samplers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/samplers/*.cc)
skipcast_fuzz_torch(policy ${settings} ${samplers})

# The subcommands are declared and parsed, never run: what they would call is not linked. The
# options' help lists solvers, starts and keys, so their tables are.
file(GLOB rows CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/engine/forecast/starts/*.cc ${CMAKE_SOURCE_DIR}/engine/keys/*_key.cc)
skipcast_fuzz_torch(command_line tools/commands/command_line.cc tools/commands/cli.cc tools/terminal/text.cc tools/terminal/suggest.cc
  tools/commands/forecast_flags.cc tools/commands/cmd_archive.cc tools/commands/cmd_compare.cc tools/commands/cmd_doctor.cc
  tools/commands/cmd_evaluate.cc tools/commands/cmd_forecast.cc tools/commands/cmd_ingest.cc tools/commands/cmd_inspect.cc
  tools/commands/cmd_report.cc tools/commands/cmd_train.cc tools/commands/cmd_tune.cc tools/commands/cmd_verify.cc
  ${settings} engine/forecast/start_table.cc
  engine/forecast/alignment.cc engine/keys/key_table.cc ${rows} ${samplers})
target_link_libraries(command_line_fuzz PRIVATE CLI11::CLI11)
# Comparisons of strings are watched by libFuzzer's own hooks; watching every other one costs half
# the speed.
target_compile_options(command_line_fuzz PRIVATE -fno-sanitize-coverage=trace-cmp)
target_link_options(command_line_fuzz PRIVATE -fuse-ld=lld -Wl,--unresolved-symbols=ignore-all)
target_compile_definitions(command_line_fuzz PRIVATE SKIPCAST_VERSION="fuzz"
  SKIPCAST_ROCKSDB_VERSION="" SKIPCAST_NETCDF_VERSION="" SKIPCAST_FAISS_VERSION=""
  SKIPCAST_CUDA_BUILD="OFF")
