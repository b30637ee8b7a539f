// The trials of a sweep as JSON lines, so that an interrupted sweep continues where it stopped.
// A line is {"setting": {...}, "result": {...}} or holds what was found from a setting; either is
// used again only when its whole setting (options, windows, members, seed, archive mode, archive,
// model, role of the windows) has the same values. Lines from before windows had roles are read and
// not used: their windows were others. A line cut short by a crash is ignored. Not thread-safe: one
// writer a file.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/tuning/tuner.h"

namespace skipcast::engine {

// What a trial's score depends on besides its options.
struct TrialContext {
  std::string archive_id, model_fingerprint;
  std::map<std::string, std::string> copies = {};  // fingerprints of the copies, by kind
  std::string metric_fingerprint = {};  // of the learned metric: what its key's trials depend on
  int64_t members = 0;
  uint64_t seed = 0;
  ArchiveMode archive = ArchiveMode::kGrowing;
  std::string objective = "crps";
};

class TrialLog {
 public:
  // Reads what is there and opens for appending. kIo / kNoSpace name the file.
  static Result<std::unique_ptr<TrialLog>> open(const std::string& path,
                                                const TrialContext& context);
  // The result of a trial with these options on so many windows, if there is one.
  std::optional<Trial> find(const Setting& options, int64_t windows,
                            WindowRole role = WindowRole::kChoosing) const;
  // Appends one line and hands it to the operating system at once.
  Status add(const Trial& trial);
  // Settings found from a setting by something dearer than a trial (learned levels), kept the same
  // way: {"setting": {...}, "found": [options, ...]}.
  std::optional<std::vector<Setting>> found_from(const Setting& base) const;
  Status add_found(const Setting& base, const std::vector<Setting>& found);

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  TrialLog(std::string path, TrialContext context);
  Status read_lines();
  Status append(const std::string& line);
  nlohmann::json setting_of(const Setting& options, int64_t windows, WindowRole role) const;

  std::string path_;
  TrialContext context_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::map<std::string, Trial> trials_;  // by setting, as found_
  std::map<std::string, std::vector<Setting>> found_;
};

}  // namespace skipcast::engine
