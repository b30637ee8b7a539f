// Ctrl-C as a wish to stop at the next safe point. The first SIGINT or SIGTERM sets a flag that
// progress callbacks look at; a second one ends the program at once. Process-wide by nature.
#pragma once

namespace skipcast::tools {

// Installs the handler for SIGINT and SIGTERM.
void watch_for_interrupt();

// True once a signal came. Thread-safe.
bool interrupted();

}  // namespace skipcast::tools
