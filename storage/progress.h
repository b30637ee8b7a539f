// Progress of a long job, told to whoever asked for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace skipcast {

struct ProgressStep {
  double fraction = 0;  // 0..1
  std::string what;     // "ingest", "train": a constant word a job
  std::string detail;   // short free text: "2014-03, 11,904 states"
};

// Called now and then from the thread that does the work; returns false to ask the job to stop
// at the next safe point (it then returns Code::kInterrupted). May be empty.
using Progress = std::function<bool(const ProgressStep&)>;

// progress(step), or true when there is nobody to tell.
inline bool tell(const Progress& progress, const ProgressStep& step) {
  return !progress || progress(step);
}

}  // namespace skipcast
