#include "tools/markup/svg_ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "storage/schema/time_axis.h"

namespace skipcast::tools {
namespace {

constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int64_t kDay = 86400;

double round_step(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  if (!(rough > 0) || !std::isfinite(rough)) return 1;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power * 1.0001) return factor * power;
  }
  return 10 * power;
}

std::string tick_text(double value, double step) {
  if (std::abs(value) < step * 1e-6) return "0";
  return std::abs(value) >= 1e5 || step < 1e-4 ? fmt::format("{:.3g}", value)
                                               : fmt::format("{:.10g}", value);
}

int64_t ceiling(int64_t value, int64_t step) {
  const int64_t rest = ((value % step) + step) % step;
  return rest == 0 ? value : value + step - rest;
}

std::vector<Tick> clock_ticks(int64_t low, int64_t high, int64_t step) {
  std::vector<Tick> ticks;
  for (int64_t at = ceiling(low, step); at <= high; at += step) {
    const storage::CalendarTime time = storage::calendar_time(at);
    const bool midnight = time.hour == 0 && time.minute == 0;
    ticks.push_back(
        {static_cast<double>(at), midnight ? fmt::format("{} {}", time.day, kMonths[time.month - 1])
                                           : fmt::format("{:02}:{:02}", time.hour, time.minute)});
  }
  return ticks;
}

std::vector<Tick> month_ticks(int64_t low, int64_t high, int months) {
  std::vector<Tick> ticks;
  const storage::CalendarTime first = storage::calendar_time(low);
  for (int64_t month = int64_t{first.year} * 12 + first.month - 1;; ++month) {
    if (month % months != 0) continue;
    const int64_t at = storage::from_civil(static_cast<int32_t>(month / 12),
                                           static_cast<int32_t>(month % 12 + 1), 1, 0);
    if (at > high) return ticks;
    if (at < low) continue;
    const bool year = month % 12 == 0;
    ticks.push_back(
        {static_cast<double>(at), year ? fmt::format("{}", month / 12) : kMonths[month % 12]});
  }
}

}  // namespace

std::vector<Tick> linear_ticks(double low, double high, int count) {
  const double step = round_step(low, high, count);
  std::vector<Tick> ticks;
  for (double at = std::ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) {
    ticks.push_back({at, tick_text(at, step)});
    if (ticks.size() > 100) break;  // a step lost in rounding
  }
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high) {
  std::vector<Tick> tens, finer;
  const int first = static_cast<int>(std::floor(std::log10(low)));
  const int last = static_cast<int>(std::ceil(std::log10(high)));
  for (int power = first; power <= last; ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double at = factor * std::pow(10, power);
      if (at < low * 0.999 || at > high * 1.001) continue;
      finer.push_back({at, fmt::format("{:g}", at)});
      if (factor == 1.0) tens.push_back(finer.back());
    }
  }
  return tens.size() >= 3 ? tens : finer;
}

std::vector<Tick> time_ticks(int64_t low_s, int64_t high_s, int count) {
  const double rough = static_cast<double>(high_s - low_s) / std::max(1, count);
  for (const int64_t step :
       {int64_t{60}, int64_t{300}, int64_t{600}, int64_t{1800}, int64_t{3600}, int64_t{10800},
        int64_t{21600}, int64_t{43200}, kDay, 2 * kDay, 7 * kDay}) {
    if (rough <= static_cast<double>(step)) return clock_ticks(low_s, high_s, step);
  }
  for (const int months : {1, 2, 3, 6, 12, 24, 60, 120, 240, 600}) {
    if (rough <= months * 30.5 * kDay) return month_ticks(low_s, high_s, months);
  }
  return month_ticks(low_s, high_s, 1200);
}

Range round_range(double low, double high, int count) {
  if (!(low <= high)) return {};
  if (low == high) {
    const double half = std::max(std::abs(low) * 0.1, 1e-6);
    low -= half, high += half;
  }
  const double step = round_step(low, high, count);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step};
}

}  // namespace skipcast::tools
