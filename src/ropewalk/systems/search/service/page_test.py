"""The page in a real browser, against the real service: type, narrow down, judge, ask, on a phone and on a desk."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from html import unescape

import msgspec
import pytest
from starlette.responses import HTMLResponse
from starlette.routing import Route

from ropewalk.spine.serving.app import Served
from ropewalk.spine.serving.server import serve
from ropewalk.store import open_store
from ropewalk.systems.search.answer.shipped import shipped
from ropewalk.systems.search.contract import ANSWER, REQUEST
from ropewalk.systems.search.model import Search, Spec
from ropewalk.systems.search.retrieve.shop import DOCUMENTS, shop
from ropewalk.systems.search.service.routes import ROUTES

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--virtual-time-budget=20000", "--dump-dom")  # fmt: skip
WIDTHS = (390, 1280)
EVIL = {
    "id": "9",
    "title": "<script>alert(1)</script> shoes",
    "text": '<img src=x onerror=alert(1)> Shoes of a "hacker".',
    "brand": "<b>Evil",
}

# Uses the page in a frame as a person would, and writes down what it then shows.
DRIVER = """<!doctype html><body><pre id="answer"></pre><script>
const answers = {};
const until = async (what, test) => {
  for (let n = 0; n < 200; n++) { const found = test(); if (found) return found; await new Promise(r => setTimeout(r, 25)); }
  throw new Error('waited in vain for ' + what);
};
const use = async width => {
  const frame = document.createElement('iframe');
  frame.style = `width:${width}px;height:900px;border:0`;
  frame.src = '/';
  document.body.append(frame);
  await new Promise(r => frame.onload = r);
  const w = frame.contentWindow, d = frame.contentDocument, $ = id => d.getElementById(id), said = {};
  w.alert = () => { said.alerts = 1 };
  const hits = () => [...d.querySelectorAll('#hits h3')].map(e => e.textContent);
  const go = async (words, count) => {
    $('query').value = words;
    $('hits').replaceChildren();
    $('form').dispatchEvent(new w.Event('submit', {cancelable: true}));
    await until(words, () => hits().length === count);
  };
  await until('settings', () => d.title.includes('shop'));
  await go('running shoes', 4);
  said.hits = hits();
  said.marks = [...d.querySelectorAll('#hits li:first-child mark')].map(e => e.textContent);
  said.status = $('status').textContent;
  const boxes = [...d.querySelectorAll('#facets label')].map(e => e.textContent);
  said.facets = boxes;
  [...d.querySelectorAll('#facets label')].find(e => e.textContent.startsWith('Birch')).querySelector('input').click();
  await until('narrowed', () => hits().length === 1);
  said.narrowed = hits();
  d.querySelector('#hits .thumbs button').click();
  await until('judged', () => d.querySelector('#hits .thumbs button[aria-pressed=true]'));
  const edge = d.documentElement.clientWidth + 1;
  said.over = [...d.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > edge).map(e => e.tagName);
  await go('hacker', 1);
  said.evil = hits();
  said.headings = [...d.querySelectorAll('#facets h2')].map(e => e.textContent);
  $('query').value = 'nothing of the kind xyzzy';
  $('form').dispatchEvent(new w.Event('submit', {cancelable: true}));
  await until('nothing', () => $('status').textContent.startsWith('Nothing'));
  $('query').value = 'boots';
  $('ask').click();
  await until('asked', () => !$('answer').hidden);
  said.answer = $('answer').textContent;
  $('query').value = 'wat';
  $('query').dispatchEvent(new w.Event('input'));
  await until('suggested', () => $('completions').children.length);
  said.suggested = [...$('completions').children].map(e => e.value);
  said.unlabelled = [...d.querySelectorAll('button, input')].filter(e => !(e.textContent.trim() || e.ariaLabel || e.closest('label'))).length;
  return said;
};
(async () => {
  for (const width of WIDTHS) { try { answers[width] = await use(width) } catch (error) { answers[width] = String(error) } }
  document.getElementById('answer').textContent = JSON.stringify(answers);
})();
</script>"""


@pytest.fixture(scope="module")
def events():
    return []


@pytest.fixture(scope="module")
def shown(tmp_path_factory, events):
    """What the page showed at each width."""
    if BROWSER is None:
        pytest.skip("no chromium on this machine: the page is tested in a browser only")
    folder = tmp_path_factory.mktemp("page")
    with open_store("memory://") as store:
        shop(store, (*DOCUMENTS, EVIL))
        model = Search(Spec("shop", None, legs="terms"), reader=shipped(0.05))
        model.attach(store)
        with served(model, events, folder) as url:
            command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'user'}", f"{url}/driver"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    answer = done.stdout.partition('<pre id="answer">')[2].partition("</pre>")[0]
    assert answer, done.stderr[-2000:]
    return {int(k): v for k, v in json.loads(unescape(answer)).items()}


class served:
    """The service on a free port, stopped at the end."""

    def __init__(self, model, events, folder):
        ready = threading.Event()
        self.stop, self.url = threading.Event(), ""

        def answering(url):
            self.url = url
            ready.set()

        async def driver(_request):
            return HTMLResponse(DRIVER.replace("WIDTHS", json.dumps(WIDTHS)))

        def run():
            serve(
                lambda: held,
                lambda batch: events.extend(msgspec.json.decode(msgspec.json.encode(batch))),
                contract=REQUEST,
                answers=ANSWER,
                name="search",
                journal=folder / "journal",
                port=0,
                routes=(*ROUTES, Route("/driver", driver)),
                on_ready=answering,
                stop=self.stop,
                seal_s=0.01,
            )

        held = Served("r1", model)
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert ready.wait(30)

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(30)


@pytest.mark.parametrize("width", WIDTHS)
def test_words_are_found_and_marked(shown, width):
    found = shown[width]
    assert isinstance(found, dict), found
    assert found["hits"][0] == "Red running shoes"
    assert found["marks"] == ["shoes", "running"]
    assert found["status"] == "4 documents"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_ticked_facet_narrows_the_hits(shown, width):
    assert "Birch1" in shown[width]["facets"]
    assert shown[width]["narrowed"] == ["Leather shoes"]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_field_without_values_has_no_heading(shown, width):
    assert shown[width]["headings"] == ["brand"]


@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_document_says_is_text(shown, width):
    assert shown[width]["evil"] == [EVIL["title"]]
    assert "alerts" not in shown[width]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_question_gets_an_answer_or_an_honest_no(shown, width):
    said = shown[width]["answer"]
    assert "No sentence answers this surely enough" in said
    assert "A larger `risk` answers more" in said
    nearest = said.partition("What came nearest:")[2]
    assert "boots" in nearest
    assert "% sure" in nearest


@pytest.mark.parametrize("width", WIDTHS)
def test_typing_is_completed(shown, width):
    assert shown[width]["suggested"] == ["waterproof"]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_hangs_over_the_edge_and_everything_has_a_name(shown, width):
    assert shown[width]["over"] == []
    assert shown[width]["unlabelled"] == 0


def test_a_thumb_is_an_event_about_the_answer_that_it_judges(shown, events):
    thumbs = [e["request"] for e in events if e["request"]["task"] == "feedback"]
    assert [(t["document"], t["thumb"]) for t in thumbs] == [("2", 1)] * len(WIDTHS)
    asked = {e["id"]: e["request"] for e in events}
    assert all(asked[t["about"]]["query"] == "running shoes" for t in thumbs)
