// Pictures through the gnuplot program: a script in a temporary folder, run without a shell.
#pragma once

#include <string>

#include "storage/status.h"

namespace skipcast::tools {

struct Picture {
  std::string path;  // ends in .png
  int width_px = 1200, height_px = 800;
  std::string script;  // gnuplot commands after terminal and output are set
};

// Runs gnuplot and puts the picture at `path` (through a temporary file, so that a failure leaves
// what was there). kUsage when the name does not end in .png, kNotFound without gnuplot (says how
// to get it), kIo with gnuplot's own first complaint or the file that cannot be written.
Status draw(const Picture& picture);

// "gnuplot 5.4 patchlevel 4", or kNotFound.
Result<std::string> gnuplot_version();

// Text as a gnuplot string in single quotes; control characters become blanks.
std::string quoted(const std::string& text);

}  // namespace skipcast::tools
