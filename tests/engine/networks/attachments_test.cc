// The table of attachments: what a network gets from it, and from a file.
#include "engine/networks/attachments.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/networks/attachment.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::awake;
using skipcast::tests::shape_for;
using skipcast::tests::small_options;

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const auto& item : network.named_parameters()) names.push_back(item.key());
  return names;
}

}  // namespace

TEST_CASE("Attachments: their parameters come last and begin with their names, on every network") {
  for (const NetworkKind& kind : network_kinds()) {
    const auto network = awake(small_options(kind.name), shape_for(kind.name));
    std::vector<std::string> before = names_of(*network);
    std::set<std::string> seen;
    for (const AttachmentKind& attachment : attachment_kinds()) {
      CAPTURE(attachment.name);
      CHECK(seen.insert(attachment.name).second);
      CHECK(network->attachment(attachment.name) == nullptr);
      Attachment& attached = network->attach(attachment.name, 3);
      CHECK(network->attachment(attachment.name) == &attached);
      const std::vector<std::string> now = names_of(*network);
      REQUIRE(now.size() > before.size());
      CHECK(std::equal(before.begin(), before.end(), now.begin()));
      for (size_t i = before.size(); i < now.size(); ++i) {
        CHECK(now[i].starts_with(std::string(attachment.name) + "."));
      }
      before = now;
    }
  }
}

TEST_CASE("Attachments: a file brings those whose parameters it has") {
  const auto network = awake(small_options(kGraphNet), shape_for(kGraphNet));
  const std::map<std::string, at::Tensor> tensors = {{"network.moments.out.bias", at::zeros({1})},
                                                     {"other.retrieval.none", at::zeros({1})}};
  attach_stored(tensors, "network.", *network);
  CHECK(network->attached() == std::vector<std::string>{kMomentHeads});
}
