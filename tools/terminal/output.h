// The program's two output streams, when they are full, closed or broken.
#pragma once

#include <string>

#include "storage/status.h"

namespace skipcast::tools {

// Before anything is opened: a stream that is closed gets a file of its own, so that no file of an
// archive comes to be standard output; the answer then counts as not written. A file size limit
// (ulimit -f) becomes an error of the write in place of a signal that ends the program.
void guard_streams();

// Prints on standard error; what cannot be printed there is lost. Never throws. Thread-safe.
void say(const std::string& text);

// Whether all that was printed on standard output has reached it; kIo says why not.
Status flush_answer();

}  // namespace skipcast::tools
