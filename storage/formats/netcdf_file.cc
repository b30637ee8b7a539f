#include "storage/formats/netcdf_file.h"

#include <fmt/format.h>
#include <netcdf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

namespace skipcast::storage {
namespace {

constexpr size_t kVectorMax = size_t{1} << 24;
constexpr size_t kTextBytesMax = size_t{1} << 28;
constexpr size_t kAttributeMax = size_t{1} << 16;

void set_type(nc_type type, NcVariable& variable) {
  variable.kind = NcKind::kNumber;
  switch (type) {
    case NC_BYTE:
      variable.item_bytes = 1;
      break;
    case NC_UBYTE:
      variable.item_bytes = 1, variable.is_signed = false;
      break;
    case NC_SHORT:
      variable.item_bytes = 2;
      break;
    case NC_USHORT:
      variable.item_bytes = 2, variable.is_signed = false;
      break;
    case NC_INT:
      variable.item_bytes = 4;
      break;
    case NC_UINT:
      variable.item_bytes = 4, variable.is_signed = false;
      break;
    case NC_INT64:
      variable.item_bytes = 8;
      break;
    case NC_UINT64:
      variable.item_bytes = 8, variable.is_signed = false;
      break;
    case NC_FLOAT:
      variable.item_bytes = 4, variable.is_float = true;
      break;
    case NC_DOUBLE:
      variable.item_bytes = 8, variable.is_float = true;
      break;
    case NC_CHAR:
      variable.kind = NcKind::kCharacter;
      break;
    case NC_STRING:
      variable.kind = NcKind::kString;
      break;
    default:
      variable.kind = NcKind::kOther;
      break;
  }
}

std::string trimmed(std::string text) {
  text.resize(strnlen(text.data(), text.size()));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

Result<std::unique_ptr<NcFile>> NcFile::open(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return not_found(path + ": no such file; check the path");
  }
  int id = -1;
  const int code = nc_open(path.c_str(), NC_NOWRITE, &id);
  if (code != NC_NOERR) {
    return bad_input(fmt::format("{}: cannot be opened as NetCDF ({}); is it complete, and NetCDF?",
                                 path, nc_strerror(code)));
  }
  std::unique_ptr<NcFile> file(new NcFile(id, path));
  SKIPCAST_TRY_OK(file->list_dimensions());
  SKIPCAST_TRY_OK(file->list_variables());
  return file;
}

NcFile::~NcFile() { nc_close(id_); }

Status NcFile::check(int code, const std::string& where) const {
  if (code == NC_NOERR) return {};
  return bad_input(fmt::format("{}, {}: cannot be read ({}); copy or download the file again",
                               path_, where, nc_strerror(code)));
}

Status NcFile::list_dimensions() {
  int count = 0;
  SKIPCAST_TRY_OK(check(nc_inq_dimids(id_, &count, nullptr, 0), "its dimensions"));
  std::vector<int> ids(static_cast<size_t>(count));
  SKIPCAST_TRY_OK(check(nc_inq_dimids(id_, &count, ids.data(), 0), "its dimensions"));
  for (int k = 0; k < count; ++k) {
    char name[NC_MAX_NAME + 1] = {};
    size_t length = 0;
    SKIPCAST_TRY_OK(
        check(nc_inq_dim(id_, ids[static_cast<size_t>(k)], name, &length), "a dimension"));
    if (ids[static_cast<size_t>(k)] != k)
      return bad_input(path_ + ": has dimensions in groups; take the data out first (ncks -G :)");
    dimensions_.push_back({name, static_cast<int64_t>(length)});
  }
  return {};
}

Status NcFile::list_variables() {
  int count = 0;
  SKIPCAST_TRY_OK(check(nc_inq_nvars(id_, &count), "its variables"));
  for (int k = 0; k < count; ++k) {
    NcVariable variable;
    char name[NC_MAX_NAME + 1] = {};
    nc_type type = NC_NAT;
    int rank = 0;
    SKIPCAST_TRY_OK(check(nc_inq_var(id_, k, name, &type, &rank, nullptr, nullptr), "a variable"));
    variable.id = k, variable.name = name;
    variable.dimensions.resize(static_cast<size_t>(rank));
    SKIPCAST_TRY_OK(check(nc_inq_vardimid(id_, k, variable.dimensions.data()), name));
    set_type(type, variable);
    const auto known = [&](int id) {
      return id >= 0 && static_cast<size_t>(id) < dimensions_.size();
    };
    const auto& ids = variable.dimensions;
    if (std::all_of(ids.begin(), ids.end(), known)) variables_.push_back(std::move(variable));
  }
  return {};
}

const NcVariable* NcFile::find(std::string_view name) const {
  for (const NcVariable& variable : variables_) {
    if (variable.name == name) return &variable;
  }
  return nullptr;
}

std::string NcFile::text(const NcVariable* variable, const char* attribute) const {
  const int id = variable ? variable->id : NC_GLOBAL;
  nc_type type = NC_NAT;
  size_t length = 0;
  if (nc_inq_att(id_, id, attribute, &type, &length) != NC_NOERR) return "";
  if (length == 0 || length > kAttributeMax) return "";
  if (type == NC_CHAR) {
    std::string out(length, '\0');
    return nc_get_att_text(id_, id, attribute, out.data()) == NC_NOERR ? trimmed(out) : "";
  }
  if (type != NC_STRING || length != 1) return "";
  char* value = nullptr;
  if (nc_get_att_string(id_, id, attribute, &value) != NC_NOERR || !value) return "";
  std::string out = value;
  nc_free_string(1, &value);
  return trimmed(std::move(out));
}

std::optional<NcAttribute> NcFile::attribute(const NcVariable& variable,
                                             const char* attribute) const {
  nc_type type = NC_NAT;
  size_t length = 0;
  if (nc_inq_att(id_, variable.id, attribute, &type, &length) != NC_NOERR) return std::nullopt;
  NcVariable typed;
  set_type(type, typed);
  return NcAttribute{typed.kind, typed.item_bytes, typed.is_float, static_cast<int64_t>(length)};
}

std::vector<double> NcFile::numbers(const NcVariable& variable, const char* attribute) const {
  nc_type type = NC_NAT;
  size_t length = 0;
  if (nc_inq_att(id_, variable.id, attribute, &type, &length) != NC_NOERR) return {};
  if (type == NC_CHAR || type >= NC_STRING || length > kAttributeMax) return {};
  std::vector<double> out(length);
  if (nc_get_att_double(id_, variable.id, attribute, out.data()) != NC_NOERR) return {};
  return out;
}

int64_t NcFile::chunk_length(const NcVariable& variable, size_t dimension) const {
  int storage = NC_CONTIGUOUS;
  std::vector<size_t> chunks(std::max<size_t>(variable.dimensions.size(), 1), 1);
  if (nc_inq_var_chunking(id_, variable.id, &storage, chunks.data()) != NC_NOERR) return 1;
  return storage == NC_CHUNKED ? static_cast<int64_t>(std::max<size_t>(chunks[dimension], 1)) : 1;
}

Status NcFile::read(const NcVariable& variable, const std::vector<size_t>& start,
                    const std::vector<size_t>& count, std::vector<double>& out) const {
  size_t total = 1;
  for (const size_t length : count) total *= length;
  out.resize(total);
  const int code = nc_get_vara_double(id_, variable.id, start.data(), count.data(), out.data());
  return check(code == NC_ERANGE ? NC_NOERR : code, "variable " + variable.name);
}

Result<std::vector<double>> NcFile::read_vector(const NcVariable& variable) const {
  const bool single = variable.dimensions.empty();
  const bool fits = variable.dimensions.size() <= 1 && variable.kind == NcKind::kNumber;
  const auto length =
      fits && !single
          ? static_cast<size_t>(dimensions_[static_cast<size_t>(variable.dimensions[0])].length)
          : 1;
  if (!fits || length > kVectorMax) {
    return bad_input(
        fmt::format("{}, variable {}: is not a list of numbers", path_, variable.name));
  }
  std::vector<double> out;
  if (single) {
    SKIPCAST_TRY_OK(read(variable, {}, {}, out));
  } else {
    SKIPCAST_TRY_OK(read(variable, {0}, {length}, out));
  }
  return out;
}

Result<std::string> NcFile::read_text(const NcVariable& variable) const {
  const std::string where = "variable " + variable.name;
  if (variable.kind == NcKind::kString && variable.dimensions.empty()) {
    char* value = nullptr;
    SKIPCAST_TRY_OK(check(nc_get_var_string(id_, variable.id, &value), where));
    std::string out = value ? value : "";
    nc_free_string(1, &value);
    return trimmed(std::move(out));
  }
  const bool fits = variable.kind == NcKind::kCharacter && variable.dimensions.size() == 1;
  const auto length =
      fits ? static_cast<size_t>(dimensions_[static_cast<size_t>(variable.dimensions[0])].length)
           : 0;
  if (!fits || length > kAttributeMax) {
    return bad_input(fmt::format("{}, {}: is not one text", path_, where));
  }
  std::string bytes(length, '\0');
  SKIPCAST_TRY_OK(check(nc_get_var_text(id_, variable.id, bytes.data()), where));
  return trimmed(std::move(bytes));
}

Result<std::vector<std::string>> NcFile::read_texts(const NcVariable& variable) const {
  const auto length = [&](size_t k) {
    return static_cast<size_t>(dimensions_[static_cast<size_t>(variable.dimensions[k])].length);
  };
  const size_t rank = variable.kind == NcKind::kCharacter ? 2 : 1;
  const bool fits = variable.dimensions.size() == rank && variable.kind != NcKind::kNumber &&
                    variable.kind != NcKind::kOther && length(0) <= kVectorMax;
  if (!fits || (rank == 2 && length(1) > kTextBytesMax / std::max<size_t>(length(0), 1))) {
    return bad_input(fmt::format("{}, variable {}: is not a list of texts", path_, variable.name));
  }
  std::vector<std::string> out;
  if (rank == 2) {
    std::string bytes(length(0) * length(1), '\0');
    SKIPCAST_TRY_OK(
        check(nc_get_var_text(id_, variable.id, bytes.data()), "variable " + variable.name));
    for (size_t k = 0; k < length(0); ++k)
      out.push_back(trimmed(bytes.substr(k * length(1), length(1))));
    return out;
  }
  std::vector<char*> texts(length(0), nullptr);
  SKIPCAST_TRY_OK(
      check(nc_get_var_string(id_, variable.id, texts.data()), "variable " + variable.name));
  for (const char* text : texts) out.push_back(trimmed(text ? text : ""));
  nc_free_string(texts.size(), texts.data());
  return out;
}

std::optional<double> default_fill(const NcVariable& variable) {
  if (variable.is_float) return variable.item_bytes == 4 ? double{NC_FILL_FLOAT} : NC_FILL_DOUBLE;
  if (variable.item_bytes == 2) return variable.is_signed ? NC_FILL_SHORT : NC_FILL_USHORT;
  if (variable.item_bytes == 4) {
    return variable.is_signed ? double{NC_FILL_INT} : double{NC_FILL_UINT};
  }
  if (variable.item_bytes == 8) {
    return variable.is_signed ? static_cast<double>(NC_FILL_INT64)
                              : static_cast<double>(NC_FILL_UINT64);
  }
  return std::nullopt;
}

}  // namespace skipcast::storage
