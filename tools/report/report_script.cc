// What moves on a report: hover texts, choices, the map's lead time. The page is whole without it.
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

constexpr const char* kScript = R"js(
(function () {
  'use strict';
  const root = document.documentElement;
  root.classList.add('js');

  // Hover texts: data-tip of whatever lies under the pointer. With script they replace <title>.
  const tip = document.getElementById('tip');
  document.querySelectorAll('[data-tip] > title, .mark > title').forEach(function (title) {
    title.remove();
  });
  function place(event) {
    const gap = 14, width = tip.offsetWidth, height = tip.offsetHeight;
    let x = event.clientX + gap, y = event.clientY + gap;
    if (x + width > root.clientWidth - 4) x = event.clientX - gap - width;
    if (y + height > window.innerHeight - 4) y = event.clientY - gap - height;
    tip.style.left = Math.max(4, x) + 'px';
    tip.style.top = Math.max(4, y) + 'px';
  }
  function show(event) {
    const under = event.target.closest ? event.target.closest('[data-tip]') : null;
    tip.hidden = !under;
    if (!under) return;
    tip.textContent = under.getAttribute('data-tip');
    place(event);
  }
  document.addEventListener('pointermove', show);
  document.addEventListener('pointerdown', show);
  document.addEventListener('scroll', function () { tip.hidden = true; }, true);

  // Choices: a select or a slider shows one of a group.
  function choose(control, index) {
    const group = control.getAttribute('data-choose');
    const each = document.querySelectorAll('[data-group="' + group + '"]');
    each.forEach(function (one, i) { one.classList.toggle('on', i === index); });
    control.value = index;
    const output = control.parentElement.querySelector('output');
    if (output && each[index]) output.textContent = each[index].getAttribute('data-name');
    document.querySelectorAll('[data-choose-place="' + group + '"] .mark').forEach(
      function (mark) {
        const chosen = each[index] && mark.getAttribute('data-name') ===
            each[index].getAttribute('data-name');
        mark.classList.toggle('chosen', Boolean(chosen));
      });
  }
  const controls = document.querySelectorAll('[data-choose]');

  // The map: colours and hover texts of a field at a lead time.
  function setUpMap(map) {
    const data = JSON.parse(map.querySelector('script').textContent);
    const marks = map.querySelectorAll('.mark');
    const field = map.querySelector('.field'), lead = map.querySelector('.lead');
    const ramp = map.querySelector('.ramp');
    function digits(value) { return String(Number(value.toPrecision(4))); }
    function draw() {
      const shown = data.fields[Number(field.value)], at = Number(lead.value);
      const values = shown.values[at], colours = data.palette;
      marks.forEach(function (mark, i) {
        const value = values[i];
        const share = (value - shown.low) / (shown.high - shown.low);
        const colour = Math.round(Math.min(1, Math.max(0, share)) * (colours.length - 1));
        mark.setAttribute('fill', value === null ? 'none' : colours[colour]);
        const text = value === null ? 'missing' : digits(value) + ' ' + shown.unit;
        mark.setAttribute('data-tip', data.names[i] + '\n' + text);
      });
      map.querySelector('.lead-name').textContent = data.leads[at];
      ramp.querySelector('.ramp-label').textContent = shown.label;
      ramp.querySelector('.low').textContent = digits(shown.low);
      ramp.querySelector('.high').textContent = digits(shown.high);
    }
    marks.forEach(function (mark, i) { mark.setAttribute('data-name', data.names[i]); });
    field.addEventListener('change', draw);
    lead.addEventListener('input', draw);
    draw();
    const group = map.getAttribute('data-choose-place');
    const control = group && document.querySelector('[data-choose="' + group + '"]');
    if (!control) return;
    map.addEventListener('click', function (event) {
      const name = event.target.getAttribute('data-name');
      const each = Array.from(document.querySelectorAll('[data-group="' + group + '"]'));
      const index = each.findIndex(function (one) {
        return one.getAttribute('data-name') === name;
      });
      if (index >= 0) choose(control, index);
    });
  }
  document.querySelectorAll('.leadmap').forEach(setUpMap);
  controls.forEach(function (control) {
    control.addEventListener('input', function () { choose(control, Number(control.value)); });
    choose(control, 0);
  });
}());
)js";

}  // namespace

std::string report_script() { return kScript; }

}  // namespace skipcast::tools
