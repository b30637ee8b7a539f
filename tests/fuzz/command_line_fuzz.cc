// Command lines through the real declarations; nothing is run. The input: one word a line.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "tests/fuzz/target.h"
#include "tools/commands/command_line.h"

namespace skipcast::fuzz {
namespace {

constexpr size_t kWordsMax = 40;
constexpr int64_t kInputsMax = 10000;  // of a declaration: CLI11 keeps a list of all it parsed

struct Words {
  explicit Words(std::string_view input) {
    texts.emplace_back("skipcast");
    for (Pieces pieces(input); !pieces.rest().empty() && texts.size() < kWordsMax;) {
      texts.emplace_back(pieces.line());
    }
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
  }
  int count() const { return static_cast<int>(texts.size()); }

  std::vector<std::string> texts;
  std::vector<char*> pointers;
};

}  // namespace

void check_input(std::string_view input) {
  static tools::Invocation invocation;
  static std::shared_ptr<CLI::App> program;
  static int64_t inputs = 0;
  if (inputs++ % kInputsMax == 0) program = tools::declare_program(invocation);
  Words words(input);
  invocation.run = nullptr;
  std::string text;
  const Status status = tools::parse_words(*program, words.count(), words.pointers.data(), text);
  const bool named = !program->get_subcommands().empty();
  if (status.ok()) {
    SKIPCAST_CHECK(!text.empty() || named == static_cast<bool>(invocation.run));
  } else {
    SKIPCAST_CHECK(status.code() == Code::kUsage && status.message().size() > 12);
    SKIPCAST_CHECK(text.empty());
  }
  const std::string line = tools::command_line_text(words.count(), words.pointers.data());
  SKIPCAST_CHECK(line.starts_with("skipcast"));
}

std::vector<std::string> seed_inputs() {
  return {"ingest\na.skc\n--recipe\nr.json\n--var\nx\nf.csv\ng.csv",
          "inspect\na.skc\n--json",
          "verify\na.skc",
          "erase\na.skc\n--yes\n--places\nx",
          "backup\na.skc\nb",
          "train\na.skc\n--task\nt\n--epochs\n3\n--threads=2",
          "forecast\na.skc\n--task=t\n--members\n8\n--out\nf.nc\n--plot\nf.png",
          "evaluate\na.skc\n--task\nt\n--start\nanalog,cold\n--members\n4",
          "tune\na.skc\n--task\nt\n--budget-minutes\n60\n--objective\nmix",
          "compare\na.skc\n--task\nt\n--policies\na,b\n--presets\nedm-35",
          "report\na.skc\n--task\nt\n--out\nr.html",
          "forecast\na.skc\n--task\nt\n--solver\nddim\n--noise-amount\n0.3\n--sigmas\n9,2",
          "doctor\n--json",
          "--help",
          "--version",
          "forcast\na.skc\n--taks\nx",
          "train\n--help"};
}

}  // namespace skipcast::fuzz
