#include "engine/networks/attachments.h"

#include <array>

#include "engine/networks/attachment.h"
#include "engine/networks/network.h"

namespace skipcast::engine {

std::shared_ptr<Attachment> make_moment_heads(const Network& host);
std::shared_ptr<Attachment> make_retrieval_attention(const Network& host);

namespace {

constexpr std::array kAttachmentKinds = {
    AttachmentKind{kMomentHeads, make_moment_heads},
    AttachmentKind{kRetrievalAttention, make_retrieval_attention},
};

}  // namespace

std::span<const AttachmentKind> attachment_kinds() { return kAttachmentKinds; }

const AttachmentKind& attachment_kind(std::string_view name) {
  for (const AttachmentKind& kind : kAttachmentKinds) {
    if (name == kind.name) return kind;
  }
  SKIPCAST_CHECK(false);
  return kAttachmentKinds[0];
}

void attach_stored(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix,
                   Network& network) {
  for (const AttachmentKind& kind : kAttachmentKinds) {
    const std::string begin = prefix + kind.name + ".";
    const auto first = tensors.lower_bound(begin);
    if (first != tensors.end() && first->first.starts_with(begin)) network.attach(kind.name, 0);
  }
}

}  // namespace skipcast::engine
