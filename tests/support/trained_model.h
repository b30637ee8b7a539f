// An archive with a model of a few steps (trained.h). Include after LibTorch's headers.
#pragma once

#include <memory>
#include <string>

#include "engine/methods/method_table.h"
#include "engine/models/model_file.h"
#include "tests/support/torch_doctest.h"
#include "tests/support/trained.h"

namespace skipcast::tests {

struct TrainedModel {
  explicit TrainedModel(const std::string& path) : store(make_archive(path, 400)) {
    engine::TrainRequest request;
    request.task = "small";
    request.steps_max = 5;
    const auto report = engine::train(*store, request);
    REQUIRE_MESSAGE(report.ok(), report.status().message());
    paths = engine::model_paths(*store, "small");
  }
  Code code() const { return engine::Model::load(*store, "small").status().code(); }
  std::string message() const { return engine::Model::load(*store, "small").status().message(); }

  std::unique_ptr<storage::SeriesStore> store;
  engine::ModelPaths paths;
};

}  // namespace skipcast::tests
