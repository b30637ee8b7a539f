// What the programmes let an archive do while its disk fails. A new workload is one more row of
// the table in workloads.cc.
#pragma once

#include <string>
#include <vector>

#include "tests/fault/scene.h"

namespace skipcast::tests {

struct Workload {
  const char* name;
  int64_t places;
  // On a good disk, once: leaves a closed archive to begin from, or none.
  void (*prepare)(Scene& scene);
  // On the failing disk: ends at the first failure.
  Status (*work)(Scene& scene);
};

const std::vector<Workload>& workloads();

}  // namespace skipcast::tests
