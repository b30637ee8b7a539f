// labels: slow
// The report in a real browser: no error on its console, nothing wider than the screen, controls
// that work; on a phone and a desktop, light and dark. Skipped where chromium is not installed.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/report_city.h"

using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;

struct Screen {
  const char* name;
  int width, height;
  bool dark;
};
constexpr Screen kScreens[] = {{"phone-light", 390, 844, false},
                               {"phone-dark", 390, 844, true},
                               {"desktop-light", 1280, 900, false},
                               {"desktop-dark", 1280, 900, true}};

// Looks at the page as a reader would and writes what it finds into the document. The page is in a
// frame, because a browser without a screen does not make its window as narrow as a phone.
constexpr const char* kProbe = R"html(<!DOCTYPE html><html><head><meta charset="utf-8"></head>
<body style="margin:0"><iframe id="f" style="border:0;width:WIDTHpx;height:HEIGHTpx"
src="report.html"></iframe><pre id="found"></pre><script>
const frame = document.getElementById('f');
frame.addEventListener('load', function () {
  const page = frame.contentDocument, found = {};
  found.script = page.documentElement.classList.contains('js');
  found.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  found.paper = frame.contentWindow.getComputedStyle(page.body).backgroundColor;
  const shown = function (group) {
    return Array.from(page.querySelectorAll('[data-group="' + group + '"]')).filter(
        function (one) { return frame.contentWindow.getComputedStyle(one).display !== 'none'; });
  };
  const turn = function (control, value) {
    control.value = value;
    control.dispatchEvent(new Event('input', {bubbles: true}));
    control.dispatchEvent(new Event('change', {bubbles: true}));
  };
  found.places_shown = shown('place').length;
  turn(page.querySelector('[data-choose="place"]'), 1);
  found.second_place = shown('place')[0].getAttribute('data-name');
  turn(page.querySelector('[data-choose="rank"]'), 1);
  found.rank_shown = shown('rank').length + ' ' + shown('rank')[0].getAttribute('data-name');
  const mark = page.querySelector('.mark'), lead = page.querySelector('input.lead');
  const before = mark.getAttribute('data-tip') + page.querySelector('.lead-name').textContent;
  turn(lead, 0);
  found.map_moves = before !==
      mark.getAttribute('data-tip') + page.querySelector('.lead-name').textContent;
  page.querySelectorAll('.mark')[2].dispatchEvent(new Event('click', {bubbles: true}));
  found.place_by_map = shown('place')[0].getAttribute('data-name');
  const hit = page.querySelector('#calibration [data-tip]');
  hit.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: 50, clientY: 50}));
  found.tip = page.getElementById('tip').textContent;
  found.tip_hidden = page.getElementById('tip').hidden;
  found.small_text = Array.from(page.querySelectorAll('svg.chart:not(.small) text.tick')).filter(
      function (text) { const high = text.getBoundingClientRect().height;
                        return high > 0 && high < 9; }).length;
  document.getElementById('found').textContent = JSON.stringify(found);
});
</script></body></html>)html";

bool no_browser() { return run_program({"chromium", "--version"}).exit_code != 0; }

// Made once for this file.
const ReportCity& city() {
  static const ReportCity made;
  return made;
}

ProgramRun browse(const std::vector<std::string>& more) {
  const std::string profile = "--user-data-dir=" + city().folder.file("profile");
  std::vector<std::string> words = {"chromium",
                                    "--headless",
                                    "--no-sandbox",
                                    "--disable-gpu",
                                    "--enable-logging=stderr",
                                    "--v=0",
                                    "--hide-scrollbars",
                                    "--allow-file-access-from-files",
                                    profile};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words, {.folder = city().folder.path(), .seconds_max = 120});
}

std::string colours(const Screen& screen) {
  return std::string("--blink-settings=preferredColorScheme=") + (screen.dark ? "0" : "1");
}

// What the probe found; null when it found nothing.
nlohmann::json look(const Screen& screen) {
  std::string probe = replaced(kProbe, "WIDTH", std::to_string(screen.width));
  probe = replaced(probe, "HEIGHT", std::to_string(screen.height));
  write_file(city().folder.file("probe.html"), probe);
  const ProgramRun run = browse({colours(screen), "--virtual-time-budget=4000", "--dump-dom",
                                 "file://" + city().folder.file("probe.html")});
  CHECK_MESSAGE(run.err.find("CONSOLE") == std::string::npos, run.err);
  const std::string begin = "<pre id=\"found\">";
  const size_t at = run.out.find(begin);
  REQUIRE_MESSAGE(at != std::string::npos, (run.err + run.out.substr(0, 2000)));
  const size_t from = at + begin.size();
  std::string text = run.out.substr(from, run.out.find("</pre>", from) - from);
  text = replaced(replaced(replaced(text, "&lt;", "<"), "&gt;", ">"), "&amp;", "&");
  return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace

TEST_CASE("Browser: the report works on phones and desktops, in light and dark") {
  if (no_browser()) return skip("no chromium here (apt-get install chromium)");
  for (const Screen& screen : kScreens) {
    CAPTURE(screen.name);
    const nlohmann::json found = look(screen);
    REQUIRE(found.is_object());
    CAPTURE(found.dump());
    CHECK(found.at("script") == true);
    CHECK(found.at("overflow") == 0);
    CHECK((found.at("paper") == "rgb(255, 255, 255)") == !screen.dark);
    CHECK(found.at("places_shown") == 1);
    CHECK(found.at("second_place") == "South");
    CHECK(found.at("rank_shown") == "1 +1 h");
    CHECK(found.at("map_moves") == true);
    CHECK(found.at("place_by_map") == kAwkwardPlace);
    CHECK(found.at("tip_hidden") == false);
    CHECK(found.at("tip").get<std::string>().size() > 10);
    CHECK(found.at("small_text") == 0);
  }
}

TEST_CASE("Browser: the report opens alone without a word on the console, and prints") {
  if (no_browser()) return skip("no chromium here (apt-get install chromium)");
  const std::string page = "file://" + city().folder.file("report.html");
  const ProgramRun shot = browse({"--window-size=1280,900", "--screenshot=shot.png", page});
  CHECK_MESSAGE(shot.err.find("CONSOLE") == std::string::npos, shot.err);
  CHECK(fs::file_size(city().folder.file("shot.png")) > 20'000);
  const ProgramRun paper = browse({"--print-to-pdf=page.pdf", page});
  CHECK_MESSAGE(paper.err.find("CONSOLE") == std::string::npos, paper.err);
  CHECK(fs::file_size(city().folder.file("page.pdf")) > 20'000);
}
