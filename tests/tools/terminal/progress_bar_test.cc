#include "tools/terminal/progress_bar.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

using namespace skipcast;
using namespace skipcast::tools;

namespace {

// What a bar writes, with a clock that the test moves.
struct Recorder {
  explicit Recorder(bool terminal) {
    options.out = open_memstream(&text, &size);
    options.terminal = terminal;
    options.now_s = [this] { return now; };
    options.stop_wanted = [this] { return stop; };
  }
  ~Recorder() {
    std::fclose(options.out);
    std::free(text);
  }
  std::string written() {
    std::fflush(options.out);
    return {text, size};
  }

  char* text = nullptr;
  size_t size = 0;
  double now = 100;
  bool stop = false;
  ProgressBarOptions options;
};

}  // namespace

TEST_CASE("ProgressBar: without a terminal, one line every tenth and no more") {
  Recorder recorder(false);
  {
    ProgressBar bar(recorder.options);
    const Progress progress = bar.callback();
    for (int i = 0; i <= 1000; ++i) {
      recorder.now += 0.01;
      CHECK(progress({i / 1000.0, "train", "step"}));
    }
  }
  const std::string text = recorder.written();
  CHECK(std::count(text.begin(), text.end(), '\n') == 11);
  CHECK(text.find('\r') == std::string::npos);
}

TEST_CASE("ProgressBar: the time left counts from where a resumed job began") {
  Recorder recorder(false);
  ProgressBar bar(recorder.options);
  const Progress progress = bar.callback();
  CHECK(progress({0.5, "ingest", ""}));
  recorder.now += 10;  // an eighth of the job in 10 s: 30 s for the rest
  CHECK(progress({0.625, "ingest", ""}));
  CHECK(recorder.written().find("ingest  62 %, 0:30 left") != std::string::npos);
}

TEST_CASE("ProgressBar: on a terminal it redraws one line and ends it") {
  Recorder recorder(true);
  {
    ProgressBar bar(recorder.options);
    const Progress progress = bar.callback();
    for (int i = 0; i < 5; ++i) {
      recorder.now += 1;
      CHECK(progress({i / 5.0, "tune", "trial"}));
    }
  }
  const std::string text = recorder.written();
  CHECK(std::count(text.begin(), text.end(), '\r') == 5);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.back() == '\n');
}

TEST_CASE("ProgressBar: the callback carries the wish to stop") {
  Recorder recorder(false);
  ProgressBar bar(recorder.options);
  const Progress progress = bar.callback();
  CHECK(progress({0.1, "train", ""}));
  recorder.stop = true;
  CHECK_FALSE(progress({0.2, "train", ""}));
}

TEST_CASE("ProgressBar: clock texts") {
  CHECK(clock_text(5) == "0:05");
  CHECK(clock_text(65) == "1:05");
  CHECK(clock_text(7380) == "2:03:00");
  CHECK(clock_text(-1) == "--:--");
}
