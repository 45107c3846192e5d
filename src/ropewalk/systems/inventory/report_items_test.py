"""In a real browser: an item can be picked, its name does nothing, nothing leaves the page, nothing hangs over its edge."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from ropewalk.systems.inventory.outputs import outputs
from ropewalk.systems.inventory.outputs_made import made_outcome

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--virtual-time-budget=8000", "--dump-dom")  # fmt: skip
WIDTHS = (390, 1280)

# Picks an item as a person would: types its number, clicks the line that is left. Answers what the page then shows.
PICK = """
const d = frame.contentDocument, w = frame.contentWindow, $ = id => d.getElementById(id);
const before = $('item').dataset.item;
const search = $('item-search');
search.value = WANTED;
search.dispatchEvent(new w.Event('input'));
const left = [...$('item-list').children];
left[0].click();
const edge = d.documentElement.clientWidth + 1;
const over = [...d.querySelectorAll('body *')].filter(e => !e.closest('.scroll,.draw,.skip,script')
  && e.getBoundingClientRect().right > edge).map(e => e.tagName + '.' + e.className);
return {before, left: left.length, item: $('item').dataset.item, name: d.querySelector('#item h3').firstChild.textContent,
  drawings: d.querySelectorAll('#item svg.small').length, bars: d.querySelectorAll('#item svg.small rect.fill').length,
  said: d.querySelector('#item .now').textContent, rows: d.querySelectorAll('#item tbody tr').length,
  asked: w.performance.getEntriesByType('resource').length, alerts: w.alerts || 0, over,
  wide: d.documentElement.scrollWidth - d.documentElement.clientWidth, refused: w.refused || 0};
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    made = made_outcome(tmp_path_factory.mktemp("browser"))
    outputs(made)
    return made


@pytest.fixture(scope="module")
def wanted(outcome):
    """An item whose name is a script."""
    table = outcome.report.tables["items"]
    return next(r for r in table.iter_rows(named=True) if r["name"].startswith("<script>"))


@pytest.fixture(scope="module")
def shown(outcome, wanted, tmp_path_factory):
    """What the page shows at each width after `wanted` was picked."""
    if BROWSER is None:
        pytest.skip("no chromium on this machine: the picker is tested in a browser only")
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    spy = "<script>alert = () => { window.alerts = 1 }; addEventListener('securitypolicyviolation', () => { window.refused = 1 })</script>"
    page = json.dumps(page.replace("</head>", spy + "</head>")).replace("</", "<\\/")
    pick = PICK.replace("WANTED", json.dumps(wanted["item"]))
    outer = f"""<!doctype html><body><pre id="answer"></pre><script>
const page = {page}, answers = {{}};
const look = frame => {{ {pick} }};
for (const width of {list(WIDTHS)}) {{
  const frame = document.createElement('iframe');
  frame.style = `width:${{width}}px;height:900px;border:0`;
  frame.srcdoc = page;
  frame.onload = () => setTimeout(() => {{
    try {{ answers[width] = look(frame) }} catch (error) {{ answers[width] = String(error) }}
    document.getElementById('answer').textContent = JSON.stringify(answers);
  }}, 500);
  document.body.append(frame);
}}
</script>"""
    folder = tmp_path_factory.mktemp("profile")
    (folder / "outer.html").write_text(outer, encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'user'}", (folder / "outer.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    answer = done.stdout.partition('<pre id="answer">')[2].partition("</pre>")[0]
    assert answer, done.stderr[-2000:]
    from html import unescape

    return {int(k): v for k, v in json.loads(unescape(answer)).items()}


@pytest.mark.parametrize("width", WIDTHS)
def test_an_item_can_be_picked(shown, wanted, outcome, width):
    found = shown[width]
    periods = outcome.report.tables["weeks"]["date"].n_unique()
    assert found["before"] != wanted["item"] == found["item"]
    assert found["left"] == 1
    assert found["drawings"] == 3
    assert found["bars"] > periods
    assert found["rows"] == periods
    assert "Order" in found["said"]


@pytest.mark.parametrize("width", WIDTHS)
def test_its_name_is_text(shown, wanted, width):
    assert shown[width]["name"] == wanted["name"]
    assert shown[width]["alerts"] == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_fetched(shown, width):
    assert shown[width]["asked"] == 0
    assert shown[width]["refused"] == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_hangs_over_the_edge(shown, width):
    assert shown[width]["over"] == []
    assert shown[width]["wide"] <= 0
