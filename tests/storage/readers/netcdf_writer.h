// NetCDF files made by tests. Header only: only the storage tests link netcdf-c.
#pragma once

#include <doctest/doctest.h>
#include <netcdf.h>

#include <string>
#include <vector>

namespace skipcast::tests {

inline void nc(int code) {
  INFO(std::string(nc_strerror(code)));
  REQUIRE(code == NC_NOERR);
}

// A NetCDF file under construction: definitions first, then values, then close().
class NcWriter {
 public:
  explicit NcWriter(const std::string& path, int mode = NC_NETCDF4) : path_(path) {
    nc(nc_create(path.c_str(), NC_CLOBBER | mode, &id_));
  }
  int dim(const std::string& name, size_t length) {
    int dim = -1;
    nc(nc_def_dim(id_, name.c_str(), length, &dim));
    return dim;
  }
  int var(const std::string& name, nc_type type, const std::vector<int>& dims) {
    int var = -1;
    nc(nc_def_var(id_, name.c_str(), type, static_cast<int>(dims.size()), dims.data(), &var));
    return var;
  }
  void text(int var, const char* name, const std::string& value) {
    nc(nc_put_att_text(id_, var, name, value.size(), value.data()));
  }
  void number(int var, const char* name, nc_type type, std::vector<double> values) {
    nc(nc_put_att_double(id_, var, name, type, values.size(), values.data()));
  }
  // Numbers outside the variable's type are stored as netcdf-c likes.
  void put(int var, const std::vector<double>& values) {
    end();
    const int code = nc_put_var_double(id_, var, values.data());
    nc(code == NC_ERANGE ? NC_NOERR : code);
  }
  void put_chars(int var, const std::string& values) {
    end();
    nc(nc_put_var_text(id_, var, values.data()));
  }
  void put_strings(int var, std::vector<const char*> values) {
    end();
    nc(nc_put_var_string(id_, var, values.data()));
  }
  int id() const { return id_; }
  void end() {
    if (defining_) nc(nc_enddef(id_));
    defining_ = false;
  }
  std::string close() {
    end();
    nc(nc_close(id_));
    return path_;
  }

 private:
  std::string path_;
  int id_ = -1;
  bool defining_ = true;
};

}  // namespace skipcast::tests
