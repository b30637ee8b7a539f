#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "storage/readers/open_formats.h"

namespace skipcast::storage {

// A format: its reader's file, and a row here.
OpenFormat open_csv;     // wide and long tables, any number of files merged by time; transposed
OpenFormat open_npz;     // NPZ and NPY
OpenFormat open_netcdf;  // NetCDF classic and NetCDF-4, files of consecutive times

namespace {

using Text = std::string_view;

const std::array kFormats = {
    FileFormat{"csv", [](Text) { return false; }, [](Text) { return false; }, open_csv},
    FileFormat{"npz",
               [](Text b) { return b.starts_with("PK") || b.substr(0, 6).ends_with("NUMPY"); },
               [](Text end) { return end == ".npz" || end == ".npy"; }, open_npz},
    FileFormat{"netcdf",
               [](Text b) { return b.starts_with("CDF") || b.substr(0, 4).ends_with("HDF"); },
               [](Text end) { return end == ".nc" || end == ".nc4"; }, open_netcdf},
};

}  // namespace

std::string format_names() {
  std::string names;
  for (const FileFormat& format : kFormats) {
    names += (names.empty() ? "" : ", ") + std::string(format.name);
  }
  return names;
}

const FileFormat* find_format(Text name) {
  if (name == "npy") name = "npz";
  const auto found = std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const FileFormat& format) { return format.name == name; });
  return found == kFormats.end() ? nullptr : &*found;
}

const FileFormat& format_of(const std::string& path) {
  char magic[8] = {};
  std::ifstream in(path, std::ios::binary);
  in.read(magic, sizeof(magic));
  const Text bytes(magic, static_cast<size_t>(in.gcount()));
  const std::string extension = std::filesystem::path(path).extension().string();
  for (const FileFormat& format : kFormats) {
    if (format.by_content(bytes)) return format;
  }
  for (const FileFormat& format : kFormats) {
    if (format.by_extension(extension)) return format;
  }
  return kFormats.front();
}

}  // namespace skipcast::storage
