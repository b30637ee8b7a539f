#include "tools/terminal/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "tools/terminal/interrupt.h"

namespace skipcast::tools {
namespace {

constexpr int kBarCells = 24;
constexpr double kRedrawEvery_s = 0.1;
constexpr size_t kDetailLetters = 48;

double steady_now_s() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

std::string clock_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e7) return "--:--";
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

ProgressBarOptions console_progress() {
  return {.out = stderr, .terminal = isatty(STDERR_FILENO) != 0, .stop_wanted = interrupted};
}

ProgressBar::ProgressBar(ProgressBarOptions options) : options_(std::move(options)) {}

ProgressBar::~ProgressBar() { finish(); }

Progress ProgressBar::callback() {
  return [this](const ProgressStep& step) { return show(step); };
}

void ProgressBar::finish() {
  const std::lock_guard lock(mutex_);
  if (line_open_) std::fputc('\n', options_.out);
  line_open_ = false;
}

bool ProgressBar::show(const ProgressStep& step) {
  const double now = options_.now_s ? options_.now_s() : steady_now_s();
  const std::lock_guard lock(mutex_);
  if (step.what != what_) {
    if (line_open_) std::fputc('\n', options_.out);
    line_open_ = false;
    what_ = step.what;
    began_s_ = now;
    began_fraction_ = step.fraction;
    drawn_s_ = now - 1;
    tenths_shown_ = -1;
  }
  draw(step, now);
  return !options_.stop_wanted || !options_.stop_wanted();
}

void ProgressBar::draw(const ProgressStep& step, double now) {
  const double fraction = std::clamp(step.fraction, 0.0, 1.0);
  const int tenths = static_cast<int>(fraction * 10);
  const bool due = options_.terminal ? now - drawn_s_ >= kRedrawEvery_s || fraction >= 1
                                     : tenths > tenths_shown_;
  if (!due) return;
  drawn_s_ = now;
  tenths_shown_ = tenths;
  const double done = fraction - began_fraction_;
  const double left_s = done > 0 ? (now - began_s_) * (1 - fraction) / done : -1;
  const std::string detail = step.detail.substr(0, kDetailLetters);
  std::string line;
  if (!options_.terminal) {
    line = fmt::format("{} {:3.0f} %, {} left  {}\n", step.what, 100 * fraction, clock_text(left_s),
                       detail);
  } else {
    const auto cells = static_cast<size_t>(fraction * kBarCells);
    line =
        fmt::format("\r{:<9} [{:<{}}] {:3.0f} %  {} left  {}\x1b[K", step.what,
                    std::string(cells, '#'), kBarCells, 100 * fraction, clock_text(left_s), detail);
    line_open_ = true;
  }
  std::fputs(line.c_str(), options_.out);  // where it cannot be written, the work goes on
  std::fflush(options_.out);
}

}  // namespace skipcast::tools
