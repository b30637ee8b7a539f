#include "storage/formats/netcdf_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netcdf.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "storage/files/file_io.h"

namespace skipcast::storage {
namespace {

static_assert(NetcdfWriter::kGlobal == NC_GLOBAL);
constexpr double kFullBelowBytes = 1 << 20;  // netcdf-c hides ENOSPC: a disk this full is the cause

nc_type type_of(NetcdfWriter::Type type) {
  switch (type) {
    case NetcdfWriter::Type::kFloat:
      return NC_FLOAT;
    case NetcdfWriter::Type::kDouble:
      return NC_DOUBLE;
    case NetcdfWriter::Type::kInt:
      return NC_INT;
    case NetcdfWriter::Type::kChar:
      return NC_CHAR;
  }
  return NC_NAT;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

bool disk_is_full(const std::string& path) {
  struct statvfs disk;
  if (statvfs(folder_of(path).c_str(), &disk) != 0) return false;
  return static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize) < kFullBelowBytes;
}

}  // namespace

std::string cf_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  }
  if (out.empty() || !std::isalpha(static_cast<unsigned char>(out[0]))) out = "v_" + out;
  return out;
}

NetcdfWriter::NetcdfWriter(const std::string& path)
    : path_(path), temporary_(fmt::format("{}.{}.tmp", path, getpid())) {
  check(nc_create(temporary_.c_str(), NC_NETCDF4 | NC_CLOBBER, &id_));
  if (ok()) {
    int old = 0;
    check(nc_set_fill(id_, NC_NOFILL, &old));
  }
}

NetcdfWriter::~NetcdfWriter() {
  if (id_ >= 0) nc_close(id_);
  std::remove(temporary_.c_str());
}

void NetcdfWriter::check(int code) {
  if (code == NC_NOERR || !ok()) return;
  if (disk_is_full(path_)) {
    first_error_ = {Code::kNoSpace,
                    fmt::format("cannot write {}: the disk is full; free some space and run the "
                                "same command again",
                                path_)};
    return;
  }
  first_error_ = io_error(fmt::format("cannot write {}: {}", path_, nc_strerror(code)));
}

int NetcdfWriter::dimension(const std::string& name, int64_t length) {
  int id = -1;
  if (ok()) {
    check(nc_def_dim(id_, name.c_str(), length == 0 ? NC_UNLIMITED : size_t(length), &id));
  }
  return id;
}

int NetcdfWriter::variable(const std::string& name, Type type, const std::vector<int>& dimensions) {
  int id = -1;
  if (ok()) {
    check(nc_def_var(id_, name.c_str(), type_of(type), static_cast<int>(dimensions.size()),
                     dimensions.data(), &id));
  }
  return id;
}

void NetcdfWriter::text(int variable, const std::string& name, const std::string& value) {
  if (ok()) check(nc_put_att_text(id_, variable, name.c_str(), value.size(), value.data()));
}

void NetcdfWriter::number(int variable, const std::string& name, double value) {
  if (ok()) check(nc_put_att_double(id_, variable, name.c_str(), NC_DOUBLE, 1, &value));
}

void NetcdfWriter::integer(int variable, const std::string& name, int32_t value) {
  if (ok()) check(nc_put_att_int(id_, variable, name.c_str(), NC_INT, 1, &value));
}

void NetcdfWriter::missing_as_nan(int variable, Type type) {
  const float nan_float = std::nanf("");
  const double nan_double = std::nan("");
  const void* fill = type == Type::kFloat ? static_cast<const void*>(&nan_float)
                                          : static_cast<const void*>(&nan_double);
  if (ok()) check(nc_def_var_fill(id_, variable, NC_FILL, fill));
}

void NetcdfWriter::end_definitions() {
  if (ok()) check(nc_enddef(id_));
}

void NetcdfWriter::put(int variable, std::span<const float> values) {
  if (ok()) check(nc_put_var_float(id_, variable, values.data()));
}

void NetcdfWriter::put(int variable, std::span<const double> values) {
  if (ok()) check(nc_put_var_double(id_, variable, values.data()));
}

void NetcdfWriter::put(int variable, std::span<const int32_t> values) {
  if (ok()) check(nc_put_var_int(id_, variable, values.data()));
}

void NetcdfWriter::put(int variable, const std::vector<std::string>& names, int64_t length) {
  std::string all;
  for (std::string name : names) {
    name.resize(length, '\0');
    all += name;
  }
  if (ok()) check(nc_put_var_text(id_, variable, all.data()));
}

void NetcdfWriter::put_slab(int variable, int64_t first, std::span<const int64_t> inner_shape,
                            std::span<const float> values) {
  std::vector<size_t> start(inner_shape.size() + 1, 0), count = {1};
  start[0] = static_cast<size_t>(first);
  count.insert(count.end(), inner_shape.begin(), inner_shape.end());
  if (ok()) check(nc_put_vara_float(id_, variable, start.data(), count.data(), values.data()));
}

void NetcdfWriter::put_at(int variable, int64_t index, double value) {
  const auto at = static_cast<size_t>(index);
  if (ok()) check(nc_put_var1_double(id_, variable, &at, &value));
}

Status NetcdfWriter::finish() {
  if (id_ >= 0) check(nc_close(id_));
  id_ = -1;
  SKIPCAST_TRY_OK(first_error_);
  {
    const FileHandle file(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open() || fsync(file.get()) != 0) {
      return system_error("write", path_, errno);
    }
  }
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return system_error("write", path_, errno);
  }
  return sync_folder(folder_of(path_));
}

}  // namespace skipcast::storage
