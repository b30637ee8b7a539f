// A progress bar with the time left, on stderr; on a terminal one line that redraws itself, else
// one line every 10 %. Its callback also carries the user's wish to stop (Ctrl-C).
#pragma once

#include <cstdio>
#include <functional>
#include <mutex>
#include <string>

#include "storage/progress.h"

namespace skipcast::tools {

struct ProgressBarOptions {
  std::FILE* out = stderr;
  bool terminal = false;              // redraw one line; false: a line every 10 %
  std::function<double()> now_s;      // the clock; empty = the steady clock
  std::function<bool()> stop_wanted;  // empty = never
};

class ProgressBar {
 public:
  explicit ProgressBar(ProgressBarOptions options);
  // Ends the line that is being drawn.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // For jobs: valid while this object lives, callable from any thread. Returns false once a stop
  // is wanted. A new word in `what` starts a new bar.
  Progress callback();
  // Ends the line, so that other text can be printed.
  void finish();

 private:
  bool show(const ProgressStep& step);
  void draw(const ProgressStep& step, double now);

  const ProgressBarOptions options_;  // constant after construction
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string what_;
  double began_s_ = 0, began_fraction_ = 0, drawn_s_ = 0;
  int tenths_shown_ = -1;
  bool line_open_ = false;
};

// A bar for this process: stderr, redrawing when that is a terminal, stopping on Ctrl-C.
ProgressBarOptions console_progress();

// "1:05" for 65 seconds, "2:03:00" for hours, "--:--" for what is not known (negative).
std::string clock_text(double seconds);

}  // namespace skipcast::tools
