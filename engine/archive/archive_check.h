// Is an archive what was written to it? The series, indexes, models and policies byte by byte
// against their checksums. deep_check.h makes the caches anew and compares.
#pragma once

#include <string>
#include <vector>

#include "storage/progress.h"
#include "storage/status.h"

namespace skipcast::engine {

struct Verdict {
  std::string part;     // "series", "model of <task>", or the path of a file
  Status status;        // ok: intact; else what is wrong
  std::string facts;    // what is in it
  std::string remedy;   // what to do when it is damaged; "" where the status says it
  bool unused = false;  // of no use any more, but no damage: an index of another version, a copy of
                        // an earlier network
};

// The series first, CONFIG.json's copy, then the files of index/, models/ and policies/ by name.
// Goes on after damage, beside a writer too. kNotFound: no archive; kUnsupported: a newer format;
// kInterrupted when progress ("verify") says stop.
Result<std::vector<Verdict>> check_archive(const std::string& archive,
                                           const Progress& progress = {});

// Sorted paths of the files in archive/folder whose names end so; none when there is no folder.
std::vector<std::string> files_in(const std::string& archive, const std::string& folder,
                                  const std::string& ending);

}  // namespace skipcast::engine
