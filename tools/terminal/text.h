// Text for people, shells and programs: command lines, sizes, JSON, files. Thread-safe.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "storage/status.h"

namespace skipcast::tools {

// The words of a command line as one line that a shell would read back.
std::string command_line_text(int argc, char** argv);

std::string bytes_text(int64_t bytes);  // "1.2 MB"

// Prints the one value of --json, indented; text that is no UTF-8 is replaced.
void print_json(const nlohmann::json& value);

// Writes `text` to `path` through a temporary name. kIo names the file.
Status save_text(const std::string& path, const std::string& text);

}  // namespace skipcast::tools
