#include "libcryosip/report/page_assets.hpp"

#include "libcryosip/report/figure.hpp"

namespace cryosip {
namespace {

std::string variables(bool dark) {
  std::string text;
  for (const InkShades& ink : kInks) {
    const Rgb rgb = dark ? ink.dark : ink.light;
    text += "--" + std::string(ink.name) + ":rgb(" + std::to_string(rgb.red) + "," +
            std::to_string(rgb.green) + "," + std::to_string(rgb.blue) + ");";
  }
  return text + (dark ? "--page:rgb(13,15,18);--warn:rgb(240,143,64);--heat:brightness(1.75)"
                      : "--page:rgb(244,246,248);--warn:rgb(176,72,0);--heat:none");
}

constexpr const char* kRules = R"css(
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
header,main,footer{max-width:75rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.7rem;line-height:1.2;margin:0}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .5rem}
p{margin:.5rem 0;max-width:46rem}
.subtitle,.hint,caption,footer{color:var(--muted)}
.hint{font-size:.92rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:1rem 0;font-size:.95rem}
a{color:var(--result)}
section{background:var(--surface);border:1px solid var(--grid);border-radius:.6rem;padding:1.1rem 1.1rem 1.3rem;margin:0 0 1.1rem}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1rem 1.5rem;margin:1rem 0 0}
.figures.twos{grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr))}
figure{position:relative;margin:0;min-width:0;max-width:32rem}
figure svg{display:block;width:100%;height:auto;font-family:inherit}
.ink{filter:var(--heat)}
figcaption{color:var(--muted);font-size:.85rem;line-height:1.4;margin:.2rem 0 0}
.readout{position:absolute;top:0;right:0;max-width:100%;margin:0;padding:.1rem .5rem;background:var(--surface);border:1px solid var(--muted);border-radius:.3rem;font-size:.85rem;line-height:1.4;font-variant-numeric:tabular-nums;pointer-events:none}
.readout:empty{display:none}
.toggles{display:flex;flex-wrap:wrap;gap:.5rem;margin:.75rem 0 0}
.toggles button{font:inherit;font-size:.9rem;color:var(--text);background:none;border:1px solid var(--muted);border-radius:1rem;padding:.15rem .8rem;cursor:pointer}
.toggles button[aria-pressed=false]{color:var(--muted);text-decoration:line-through}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0 0;padding:0}
.tiles div{border-left:3px solid var(--result);padding-left:.7rem;min-width:0}
.tiles dt{color:var(--muted);font-size:.85rem;line-height:1.3}
.tiles dd{margin:0;font-size:1.35rem;font-weight:600;line-height:1.3}
.finding{border-left:4px solid var(--muted);padding:.1rem 0 .1rem .8rem;margin:.9rem 0;max-width:46rem}
.finding.warning{border-color:var(--warn)}
.finding p{margin:.1rem 0}
.finding b{font-weight:600}
.kind{color:var(--muted);font-size:.8rem;text-transform:uppercase;letter-spacing:.05em}
.warning .kind{color:var(--warn);font-weight:600}
.table{overflow-x:auto;margin:1rem 0 0}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.85rem;padding:0 0 .3rem}
th,td{text-align:left;vertical-align:top;padding:.28rem .9rem .28rem 0;border-bottom:1px solid var(--grid);font-weight:400}
thead th{color:var(--muted);font-size:.85rem}
td{overflow-wrap:anywhere}
th{overflow-wrap:break-word}
.number{text-align:right;overflow-wrap:normal}
pre{font:.82rem/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,monospace;white-space:pre-wrap;overflow-wrap:anywhere;background:var(--page);border:1px solid var(--grid);border-radius:.4rem;padding:.5rem .7rem;margin:.6rem 0;max-width:60rem}
code{font:.92em ui-monospace,"DejaVu Sans Mono",Menlo,monospace;white-space:nowrap}
footer{padding-bottom:2rem;font-size:.85rem}
.cursor{stroke:var(--muted);stroke-width:1;pointer-events:none}
@media (max-width:30rem){section{border-left:0;border-right:0;border-radius:0;margin-left:-1rem;margin-right:-1rem;padding:1rem}table{font-size:.85rem}th,td{padding-right:.5rem}.tiles{grid-template-columns:1fr 1fr}}
@media print{html{color-scheme:light;background:rgb(255,255,255)}body{font-size:10pt;background:none}header,main,footer{max-width:none;padding:0}nav,.toggles,.readout{display:none}section{border:0;padding:0;margin:0 0 1.2rem}h2,h3{break-after:avoid}figure,.finding,tr,pre{break-inside:avoid}.figures{grid-template-columns:1fr 1fr}figure{max-width:none}.table{overflow:visible}a{color:inherit;text-decoration:none}}
)css";

constexpr const char* kScript = R"js(
'use strict';
(() => {
  const numbers = text => text.split(' ').map(Number);
  const shown = value => {
    const size = Math.abs(value);
    return (size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(3)))).replace('-', '\u2212');
  };
  for (const svg of document.querySelectorAll('svg[data-plot]')) {
    const paths = [...svg.querySelectorAll('path[data-series][fill=none]')].filter(path => !path.getAttribute('d').includes('h0'));
    const [left, top, width, height] = numbers(svg.dataset.plot);
    const [xLow, xHigh] = numbers(svg.dataset.x);
    const [yLow, yHigh] = numbers(svg.dataset.y);
    const points = path => path.getAttribute('d').slice(1).split(' ').map(pair => pair.split(',').map(Number));
    // Only curves that go one way have one value a place.
    const curves = paths.map(path => ({path, name: path.dataset.series, points: points(path)}))
      .filter(curve => curve.points.every((p, i) => i === 0 || p[0] >= curve.points[i - 1][0]));
    if (curves.length === 0 || curves.length < paths.length) continue;
    const readout = document.createElement('p');
    readout.className = 'readout';
    readout.setAttribute('aria-hidden', 'true');
    svg.after(readout);
    const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'line');
    cursor.setAttribute('class', 'cursor');
    cursor.setAttribute('y1', top);
    cursor.setAttribute('y2', top + height);
    cursor.style.display = 'none';
    svg.append(cursor);
    const value = y => {
      const share = (top + height - y) / height;
      return 'logY' in svg.dataset ? yLow * Math.pow(yHigh / yLow, share) : yLow + share * (yHigh - yLow);
    };
    const show = event => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      if (x < left || x > left + width) return hide();
      cursor.style.display = '';
      cursor.setAttribute('x1', x);
      cursor.setAttribute('x2', x);
      const at = xLow + (x - left) / width * (xHigh - xLow);
      const parts = [];
      for (const curve of curves) {
        const p = curve.points;
        const next = p.findIndex(point => point[0] >= x);
        if (next < 0 || (next === 0 && p[0][0] > x) || curve.path.style.display === 'none') continue;
        const [a, b] = [p[Math.max(0, next - 1)], p[next]];
        const y = b[0] > a[0] ? a[1] + (x - a[0]) / (b[0] - a[0]) * (b[1] - a[1]) : b[1];
        parts.push(curve.name + ' ' + shown(value(y)));
      }
      const name = svg.dataset.xName.replace(/ \(.*/, '');
      const place = name === 'detail' ? shown(1 / at) : name === 'step' ? String(Math.round(at)) : shown(at);
      readout.textContent = name + ' ' + place + ': ' + parts.join(', ');
    };
    const hide = () => {
      cursor.style.display = 'none';
      readout.textContent = '';
    };
    svg.addEventListener('pointermove', show);
    svg.addEventListener('pointerdown', show);
    svg.addEventListener('pointerleave', hide);
  }
  for (const place of document.querySelectorAll('[data-toggles]')) {
    const figures = place.nextElementSibling;
    const marks = [...figures.querySelectorAll('[data-series]')];
    for (const name of new Set(marks.map(mark => mark.dataset.series))) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = name;
      button.setAttribute('aria-pressed', 'true');
      button.addEventListener('click', () => {
        const on = button.getAttribute('aria-pressed') !== 'true';
        button.setAttribute('aria-pressed', String(on));
        for (const mark of marks) if (mark.dataset.series === name) mark.style.display = on ? '' : 'none';
      });
      place.append(button);
    }
  }
})();
)js";

}  // namespace

std::string page_style() {
  return ":root{" + variables(false) + "}\n@media screen and (prefers-color-scheme:dark){:root{" +
         variables(true) + "}}" + kRules;
}

std::string page_script() {
  return kScript;
}

}  // namespace cryosip
