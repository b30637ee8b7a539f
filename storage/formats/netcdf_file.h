// A NetCDF file's root group through netcdf-c: dimensions, variables, attributes, hyperslabs.
//
// Adapter: netcdf.h stays in netcdf_file.cc. Tested with netcdf-c 4.9.0, which can abort on
// damaged files (RELIABILITY.md 3): only the short-lived ingest process opens foreign files.
// Not thread-safe, and netcdf-c is not across objects either.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

struct NcDimension {
  std::string name;
  int64_t length = 0;
};

enum class NcKind { kNumber, kCharacter, kString, kOther };

struct NcVariable {
  int id = -1;
  std::string name;
  NcKind kind = NcKind::kOther;
  int32_t item_bytes = 0;  // numbers
  bool is_float = false;   // numbers: floating point
  bool is_signed = true;
  std::vector<int> dimensions;  // indices into NcFile::dimensions()
};

// What stands behind an attribute's name.
struct NcAttribute {
  NcKind kind = NcKind::kOther;  // a text is kCharacter or kString
  int32_t item_bytes = 0;        // numbers
  bool is_float = false;
  int64_t length = 0;  // of a text in characters: in bytes
};

class NcFile {
 public:
  // kNotFound: no such file; kBadInput: not NetCDF, or damaged.
  static Result<std::unique_ptr<NcFile>> open(const std::string& path);
  ~NcFile();
  NcFile(const NcFile&) = delete;
  NcFile& operator=(const NcFile&) = delete;

  const std::string& path() const { return path_; }
  const std::vector<NcDimension>& dimensions() const { return dimensions_; }
  const std::vector<NcVariable>& variables() const { return variables_; }
  const NcVariable* find(std::string_view name) const;  // nullptr when absent

  // Attributes; variable nullptr = global. "" or empty when absent or of another kind.
  std::string text(const NcVariable* variable, const char* attribute) const;
  std::optional<NcAttribute> attribute(const NcVariable& variable, const char* attribute) const;
  std::vector<double> numbers(const NcVariable& variable, const char* attribute) const;
  // States a chunk along `dimension` (position in variable.dimensions), 1 when contiguous.
  int64_t chunk_length(const NcVariable& variable, size_t dimension) const;

  // The hyperslab start, count (one a dimension) as raw numbers, row-major.
  Status read(const NcVariable& variable, const std::vector<size_t>& start,
              const std::vector<size_t>& count, std::vector<double>& out) const;
  // A whole number variable of at most one dimension and 16 Mi elements.
  Result<std::vector<double>> read_vector(const NcVariable& variable) const;
  // A one-dimensional string or two-dimensional character variable.
  Result<std::vector<std::string>> read_texts(const NcVariable& variable) const;
  // A string variable without dimensions or a one-dimensional character variable.
  Result<std::string> read_text(const NcVariable& variable) const;

 private:
  NcFile(int id, std::string path) : id_(id), path_(std::move(path)) {}
  Status list_dimensions();
  Status list_variables();
  Status check(int code, const std::string& where) const;

  const int id_;
  const std::string path_;
  std::vector<NcDimension> dimensions_;
  std::vector<NcVariable> variables_;
};

// The value netcdf-c writes where nothing was written, by the variable's type; nullopt for bytes.
std::optional<double> default_fill(const NcVariable& variable);

}  // namespace skipcast::storage
