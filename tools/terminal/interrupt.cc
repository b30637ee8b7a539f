#include "tools/terminal/interrupt.h"

#include <csignal>

namespace skipcast::tools {
namespace {

volatile std::sig_atomic_t stop_wanted = 0;

void on_signal(int) { stop_wanted = 1; }

}  // namespace

void watch_for_interrupt() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return stop_wanted != 0; }

}  // namespace skipcast::tools
