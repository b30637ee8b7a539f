#include "storage/status.h"

#include <cstdio>

namespace skipcast {

Status::Status(Code code, std::string message) : code_(code), message_(std::move(message)) {
  for (char& c : message_) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
}

int exit_code(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return 0;
    case Code::kUsage:
      return 2;
    case Code::kInterrupted:
      return 130;
    default:
      return 1;
  }
}

const char* code_name(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kUsage:
      return "usage";
    case Code::kNotFound:
      return "not_found";
    case Code::kBadInput:
      return "bad_input";
    case Code::kRefused:
      return "refused";
    case Code::kDataLoss:
      return "data_loss";
    case Code::kNoSpace:
      return "no_space";
    case Code::kLocked:
      return "locked";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kInterrupted:
      return "interrupted";
    case Code::kIo:
      return "io";
  }
  return "unknown";
}

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace skipcast
