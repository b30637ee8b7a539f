// The table of attachments: modules that are trained onto a finished network, each in a file of its
// own with one line in attachments.cc. Internal to engine. Constant, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace skipcast::engine {

class Attachment;  // engine/networks/attachment.h
class Network;     // engine/networks/network.h

inline constexpr const char* kMomentHeads = "moments";           // moment_heads.h
inline constexpr const char* kRetrievalAttention = "retrieval";  // retrieval_attention.h

struct AttachmentKind {
  const char* name;  // its parameters begin with it and a dot
  std::shared_ptr<Attachment> (*make)(const Network& host);
};

std::span<const AttachmentKind> attachment_kinds();
// REQUIRES a name of the table.
const AttachmentKind& attachment_kind(std::string_view name);

// Attaches what a file has parameters of, among tensors called `prefix` + parameter name; their
// values are still to be loaded.
void attach_stored(const std::map<std::string, at::Tensor>& tensors, const std::string& prefix,
                   Network& network);

}  // namespace skipcast::engine
