// Status and Result: the one way a function of skipcast reports failure.
//
// A Status is ok or carries a code and one sentence for the person at the
// keyboard: which file, variable, position, and what to do about it. Result<T>
// is a T or a Status. Neither throws; exceptions of third-party libraries stop
// in the adapter that calls them. Only std::bad_alloc may pass through a function
// that returns a Status: then nothing leaks, no bytes are blamed, the next call
// works (tests/oom fails every allocation of the parsers and codecs).
// Thread safety: values, like int.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace skipcast {

// The closed set of failures. exit_code() maps them for command-line programs.
enum class Code {
  kOk,
  kUsage,        // the request itself is wrong: unknown option, zero members
  kNotFound,     // a file, variable, model or time that is not there
  kBadInput,     // foreign data that cannot be taken: parse error, wrong shape
  kRefused,      // contradicts what is stored: changed units, other overlap
  kDataLoss,     // our own bytes are damaged or missing
  kNoSpace,      // the disk is full; what was stored is still readable
  kLocked,       // another process writes to this archive
  kUnsupported,  // a newer format version, a feature not built in
  kInterrupted,  // the user asked to stop; run again with --resume
  kIo,           // the operating system refused
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  // A message may quote what a file holds: control bytes in it become '?', so that it is one line
  // and moves no cursor.
  Status(Code code, std::string message);

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status usage(std::string message) { return {Code::kUsage, std::move(message)}; }
inline Status not_found(std::string message) { return {Code::kNotFound, std::move(message)}; }
inline Status bad_input(std::string message) { return {Code::kBadInput, std::move(message)}; }
inline Status refused(std::string message) { return {Code::kRefused, std::move(message)}; }
inline Status data_loss(std::string message) { return {Code::kDataLoss, std::move(message)}; }
inline Status io_error(std::string message) { return {Code::kIo, std::move(message)}; }

// 0 for ok, 2 for a wrong request (kUsage), 130 for an interrupt, 1 otherwise.
int exit_code(const Status& status);

// "bad_input", "data_loss", ...: the stable word used in --json output.
const char* code_name(Code code);

// Prints "file:line: CHECK failed: condition" and aborts: for our own bugs only.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

#define SKIPCAST_CHECK(condition) \
  ((condition) ? (void)0 : ::skipcast::check_failed(__FILE__, __LINE__, #condition))

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}        // NOLINT: implicit by design
  Result(Status status) : value_(std::move(status)) {  // NOLINT: implicit by design
    SKIPCAST_CHECK(!std::get<Status>(value_).ok());
  }

  bool ok() const { return std::holds_alternative<T>(value_); }
  Status status() const { return ok() ? Status() : std::get<Status>(value_); }

  // REQUIRES: ok(). Aborts otherwise.
  const T& value() const& {
    SKIPCAST_CHECK(ok());
    return std::get<T>(value_);
  }
  T& value() & {
    SKIPCAST_CHECK(ok());
    return std::get<T>(value_);
  }
  T&& value() && {
    SKIPCAST_CHECK(ok());
    return std::get<T>(std::move(value_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

 private:
  std::variant<T, Status> value_;
};

#define SKIPCAST_CONCAT_(a, b) a##b
#define SKIPCAST_CONCAT(a, b) SKIPCAST_CONCAT_(a, b)

// SKIPCAST_TRY(const Block block, decode(bytes)): declares block, or returns the failure.
#define SKIPCAST_TRY(declaration, ...)                     \
  auto SKIPCAST_CONCAT(result_, __LINE__) = (__VA_ARGS__); \
  if (!SKIPCAST_CONCAT(result_, __LINE__).ok())            \
    return SKIPCAST_CONCAT(result_, __LINE__).status();    \
  declaration = std::move(SKIPCAST_CONCAT(result_, __LINE__)).value()

// SKIPCAST_TRY_OK(status expression): returns the failure, if it is one.
#define SKIPCAST_TRY_OK(...)                                                       \
  do {                                                                             \
    if (::skipcast::Status status_ = (__VA_ARGS__); !status_.ok()) return status_; \
  } while (false)

}  // namespace skipcast
