"""The script that draws the item that is picked. Text goes in as text, never as markup; nothing is fetched.

It reads the JSON that report_items puts into the page, whose short names are in report_items.SERIES.
"""

SCRIPT = r"""
(() => {
const source = document.getElementById('item-data');
if (!source) return;
const D = JSON.parse(source.textContent), T = D.dates.length, N = D.item.length;
const $ = id => document.getElementById(id), SVG = 'http://www.w3.org/2000/svg';
const put = (into, name, attributes, ...children) => {
  const e = into.namespaceURI === SVG || name === 'svg' ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const key in attributes) if (attributes[key] != null) e.setAttribute(key, attributes[key]);
  e.append(...children);
  into.append(e);
  return e;
};
const number = v => (v < 0 ? '−' : '') + Math.abs(v).toLocaleString('en-US', {maximumFractionDigits: 1});
const cash = (v, sign) => {
  const size = Math.abs(v), dollars = D.currency.toUpperCase() === 'USD';
  const body = size.toLocaleString('en-US', size < 99.995 ? {minimumFractionDigits: 2, maximumFractionDigits: 2} : {maximumFractionDigits: 0});
  return (v < 0 ? '−' : sign && v > 0 ? '+' : '') + (dollars ? '$' + body : body + '\u202f' + D.currency);
};
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const shortDay = iso => `${+iso.slice(8)} ${MONTHS[iso.slice(5, 7) - 1]}`;
const series = (key, i) => D[key] ? D[key].slice(i * T, (i + 1) * T) : Array(T).fill(0);
const sum = list => list.reduce((a, b) => a + b, 0);

// -- the list --

const text = D.item.map((id, i) => (D.name[i] + ' ' + id + ' ' + D.site[i] + ' ' + D.category[i]).toLowerCase());
const demand = D.item.map((_, i) => sum(series('d', i)));
const sites = new Set(D.site).size > 1;
const orders = {
  won: (a, b) => D.difference[b] - D.difference[a], lost: (a, b) => D.difference[a] - D.difference[b],
  order: (a, b) => (D.plan[b][0] || 0) - (D.plan[a][0] || 0), risk: (a, b) => (D.plan[b][5] || 0) - (D.plan[a][5] || 0),
  demand: (a, b) => demand[b] - demand[a], name: (a, b) => D.name[a].localeCompare(D.name[b]),
};
const SHOWN = 100;
let found = [], picked = -1;
function list() {
  const words = $('item-search').value.toLowerCase().split(/\s+/).filter(Boolean);
  found = [...text.keys()].filter(i => words.every(w => text[i].includes(w))).sort(orders[$('item-sort').value]);
  const box = $('item-list');
  box.replaceChildren();
  for (const i of found.slice(0, SHOWN)) {
    const option = put(box, 'li', {role: 'option', id: 'item-' + i, 'aria-selected': i === picked});
    put(option, 'span', {class: 'what'}, D.name[i]);
    put(option, 'span', {class: D.difference[i] < 0 ? 'by lost' : 'by won'}, cash(D.difference[i] / 100, true));
    put(option, 'small', {}, D.item[i] + (sites ? ' · ' + D.site[i] : '') + (D.category[i] ? ' · ' + D.category[i] : ''));
    option.addEventListener('click', () => pick(i, true));
  }
  $('item-count').textContent = found.length > SHOWN ? `${number(found.length)} items, the first ${SHOWN} shown`
    : found.length === 1 ? '1 item' : `${number(found.length)} items`;
}
function step(by) {
  const at = found.indexOf(picked), next = found[Math.min(Math.max(at + by, 0), Math.min(found.length, SHOWN) - 1)];
  if (next !== undefined) pick(next, true);
}

// -- one item --

function pick(i, said) {
  picked = i;
  for (const e of $('item-list').children) e.setAttribute('aria-selected', e.id === 'item-' + i);
  const chosen = $('item-' + i);
  if (chosen) {
    const box = $('item-list'), top = chosen.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top + chosen.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top - 60;
    $('item-search').setAttribute('aria-activedescendant', chosen.id);
  }
  if (said) {
    try { history.replaceState(null, '', '#item=' + encodeURIComponent(D.item[i]) + '@' + encodeURIComponent(D.site[i])); }
    catch { /* a page inside a page has no address of its own */ }
  }
  show();
}
function show() {
  const i = picked, into = $('item');
  into.replaceChildren();
  into.dataset.item = D.item[i];
  const head = put(into, 'h3', {}, D.name[i]);
  put(head, 'small', {}, [D.item[i] !== D.name[i] ? D.item[i] : '', D.site[i], D.category[i]].filter(Boolean).join(' · '));
  const line = D.plan[i];
  if (line.length) {
    const plan = put(into, 'p', {class: 'now'});
    const parts = /^([^:]{1,40}:)([\s\S]*)$/.exec(line[4]) || [null, '', line[4]];
    put(plan, 'strong', {}, parts[1]);
    plan.append(parts[2]);
    put(plan, 'small', {}, (line[0] > 0 ? `On sale from ${shortDay(line[1])} · expected profit ${cash(line[3])} · ` : '')
        + `${line[2]} chance to run out before the next chance to order`);
  }
  const s = Object.fromEntries(['d', 'p', 'a', 'sm', 'sr', 'km', 'kr', 'om', 'or'].map(k => [k, series(k, i)]));
  figures(into, i, s);
  const key = put(into, 'ul', {class: 'key'});
  ['s1', 's2'].forEach((colour, k) => {
    const one = put(key, 'li', {});
    put(put(one, 'svg', {viewBox: '0 0 12 12', class: colour, 'aria-hidden': true}), 'rect', {width: 12, height: 12, rx: 2, class: 'fill'});
    one.append(D.who[k]);
  });
  const promo = s.a.map(v => v >= 20);
  chart(into, 'Demand and sales', 'Dashes: demand. Bars: sales. The gap between them was lost.',
        {bars: [[s.sm, 's1', 'sold, ' + D.who[0]], [s.sr, 's2', 'sold, ' + D.who[1]]], outline: s.d, promo}, i);
  chart(into, `Stock at the end of the ${D.word}`, '', {lines: [[s.km, 's1', 'stock, ' + D.who[0]], [s.kr, 's2', 'stock, ' + D.who[1]]], promo}, i);
  chart(into, 'Orders placed', '', {bars: [[s.om, 's1', 'ordered, ' + D.who[0]], [s.or, 's2', 'ordered, ' + D.who[1]]], promo}, i);
  table(into, s);
}
function figures(into, i, s) {
  const mean = list => sum(list) / T, lost = k => sum(s.d) - sum(s[k]);
  const box = put(into, 'dl', {class: 'mini'});
  for (const [label, value, under] of [
    ['won or lost', cash(D.difference[i] / 100, true), 'against the rule'],
    ['demand', number(sum(s.d)), 'units'],
    ['units lost', number(lost('sm')), 'rule: ' + number(lost('sr'))],
    ['mean stock', number(mean(s.km)), 'rule: ' + number(mean(s.kr))],
    ['price', cash(mean(s.p) / 100), 'mean'],
  ]) {
    const one = put(box, 'div', {});
    put(one, 'dt', {}, label);
    put(one, 'dd', {}, value);
    put(one, 'dd', {class: 'under'}, under);
  }
}
function table(into, s) {
  const box = put(into, 'details', {});
  put(box, 'summary', {}, 'The figures');
  const inner = put(put(box, 'div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'The figures'}), 'table', {});
  const head = put(put(inner, 'thead', {}), 'tr', {});
  const names = [D.word + ' of', 'demand', 'price', 'promotion', 'sales', '… rule', 'stock', '… rule', 'ordered', '… rule'];
  names.forEach((n, j) => put(head, 'th', {scope: 'col', class: j ? 'right' : null}, n));
  const body = put(inner, 'tbody', {});
  D.dates.forEach((date, t) => {
    const row = put(body, 'tr', {});
    put(row, 'th', {scope: 'row'}, date);
    const values = [number(s.d[t]), cash(s.p[t] / 100), s.a[t] ? s.a[t] + '\u202f%' : '', ...['sm', 'sr', 'km', 'kr', 'om', 'or'].map(k => number(s[k][t]))];
    for (const v of values) put(row, 'td', {class: 'right'}, v);
  });
}

// -- drawing --

function ticks(high) {
  const raw = Math.max(high, 1) / 3, power = 10 ** Math.floor(Math.log10(raw));
  const size = Math.max([1, 2, 2.5, 5, 10].find(m => m * power >= raw * 0.999) * power, 1);
  const out = [];
  for (let v = 0; v < high + size * 0.999; v += size) out.push(v);
  return out;
}
function chart(into, title, about, {bars = [], lines = [], outline, promo}, i) {
  const figure = put(into, 'figure', {}), caption = put(figure, 'figcaption', {}, title);
  if (about) put(caption, 'small', {}, about);
  const width = Math.max(figure.clientWidth - 26, 240), height = 150, left = 44, right = 6, top = 14, floor = height - 22;
  const all = [...bars, ...lines].flatMap(b => b[0]).concat(outline || []), marks = ticks(Math.max(...all, 1));
  const high = marks.at(-1), y = v => floor - v / high * (floor - top), wide = (width - left - right) / T;
  const x = t => left + t * wide;
  const svg = put(figure, 'svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', class: 'small',
                                  'aria-label': `${title}: ${D.name[i]}`});
  promo.forEach((on, t) => {
    if (!on) return;
    put(svg, 'rect', {x: x(t), width: wide, y: top, height: floor - top, class: 'promo'});
    put(svg, 'text', {x: x(t) + wide / 2, y: top - 3, class: 'mid tiny'}, wide > 34 ? 'promo' : 'P');
  });
  for (const v of marks) {
    put(svg, 'line', {x1: left, x2: width - right, y1: y(v), y2: y(v), class: v ? 'grid-line' : 'axis'});
    put(svg, 'text', {x: left - 6, y: y(v) + 4, class: 'end'}, number(v));
  }
  const every = Math.ceil(48 / wide);
  D.dates.forEach((date, t) => { if (t % every === 0) put(svg, 'text', {x: Math.min(x(t) + wide / 2, width - 19), y: height - 5, class: 'mid'}, shortDay(date)); });
  bars.forEach(([values, colour], b) => values.forEach((v, t) => {
    const w = wide * 0.72 / bars.length;
    if (v > 0) put(svg, 'rect', {x: x(t) + wide * 0.14 + b * w + 0.5, width: Math.max(w - 1, 0.8), y: y(v), height: Math.max(floor - y(v), 1), class: 'fill ' + colour});
  }));
  if (outline) put(svg, 'path', {class: 'outline', d: outline.map((v, t) => `M${x(t) + wide * 0.1} ${y(v)}H${x(t) + wide * 0.9}`).join('')});
  for (const [values, colour] of lines) {
    put(svg, 'path', {class: (colour === 's2' ? 'line dash ' : 'line ') + colour, d: 'M' + values.map((v, t) => `${x(t) + wide / 2} ${y(v)}`).join('L')});
    if (T <= 40) values.forEach((v, t) => put(svg, 'circle', {cx: x(t) + wide / 2, cy: y(v), r: 3, class: 'mark ' + colour}));
  }
  D.dates.forEach((date, t) => {
    const said = [`${D.word} of ${date}`, outline ? `demand ${number(outline[t])}` : '', ...[...bars, ...lines].map(([v, , name]) => `${name} ${number(v[t])}`)];
    put(put(svg, 'rect', {x: x(t), width: wide, y: top, height: floor - top, class: 'over'}), 'title', {}, said.filter(Boolean).join('\n'));
  });
}

// -- begin --

function asked() {
  const m = /^#item=([^@]*)@(.*)$/.exec(location.hash);
  if (!m) return -1;
  try {
    const item = decodeURIComponent(m[1]), site = decodeURIComponent(m[2]);
    return D.item.findIndex((id, i) => id === item && D.site[i] === site);
  } catch { return -1; }
}
function follow() {
  const i = asked();
  if (i < 0) return;
  $('item-search').value = '';
  list();
  pick(i, false);
  $('items').scrollIntoView({block: 'start'});
}
$('items').hidden = false;
$('item-search').addEventListener('input', () => { list(); if (found.length && !found.includes(picked)) pick(found[0], false); });
$('item-sort').addEventListener('change', list);
$('item-search').addEventListener('keydown', e => {
  const by = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10}[e.key];
  if (by) { e.preventDefault(); step(by); }
});
window.addEventListener('hashchange', follow);
let last = 0;
new ResizeObserver(() => { const w = $('item').clientWidth; if (picked >= 0 && Math.abs(w - last) > 8) { last = w; show(); } }).observe($('item'));
list();
if (N) { pick(found[0], false); follow(); }
})();
"""
