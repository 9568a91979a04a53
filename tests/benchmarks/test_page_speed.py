"""How fast the classroom's page answers: sliders, whole stories, and the first paint, in a real browser.

    pytest tests/benchmarks/test_page_speed.py -m benchmark -s -n 0

Nothing is asserted of the times. A move is timed from the event of the slider to the frame after everything is drawn;
*processor* is the time of the page's thread, without the turns of other programs.
"""

import os
from statistics import median

import pytest
from browsing import Browser, missing

from cgrosim.classroom.page import write_page

pytestmark = [pytest.mark.benchmark, pytest.mark.skipif(bool(missing()), reason=missing())]
MOVES = 16
SETTING = "lesson=0&samples=20&dimension=1000"
MOVE = """
const [name, share, done] = arguments, input = document.getElementById(`control-${name}`);
const low = Number(input.min), high = Number(input.max);
input.value = String(Math.round(low + share * (high - low)));
const begun = performance.now();
input.dispatchEvent(new Event("input", { bubbles: true }));
const drawn = performance.now();
requestAnimationFrame(() => {
  const painted = new MessageChannel(); // its message comes after the frame
  painted.port1.onmessage = () => done([drawn - begun, performance.now() - begun]);
  painted.port2.postMessage(0);
});
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("downloads"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page") / "lesson.html")


def busy(browser):
    """Processor seconds of the page's thread so far."""
    found = {entry["name"]: entry["value"] for entry in browser.command("Performance.getMetrics")["metrics"]}
    return found["TaskDuration"]


def test_sliders(browser, page):
    browser.command("Performance.enable", timeDomain="threadTicks")
    browser.open(page, SETTING)
    names = browser.run(
        "return [...document.querySelectorAll('input[type=range][id^=control-]')].map((e) => e.id.slice(8))"
    )
    version = browser.driver.capabilities["browserVersion"]
    print(f"\nChromium {version}, load {os.getloadavg()[0]:.1f}; {MOVES} moves each, {SETTING}")
    print("slider              processor, ms   waited, ms: median (least, most)")
    for name in names:
        browser.open(page, SETTING)
        top = browser.run("return LIMITS.samples.places") if name == "samples" else None
        shares = [0.15 + 0.7 * ((7 * move) % MOVES) / MOVES for move in range(MOVES)]
        if top:  # at most twenty samples are promised to be answered at once
            place = browser.run("return placeOf('samples', 20)")
            shares = [share * place / top for share in shares]
        browser.driver.execute_async_script(MOVE, name, shares[-1])
        before, waited = busy(browser), []
        for share in shares:
            waited.append(browser.driver.execute_async_script(MOVE, name, share)[1])
        thread = 1000.0 * (busy(browser) - before) / MOVES
        print(f"{name:20s}{thread:8.0f}{median(waited):14.0f} ({min(waited):.0f}, {max(waited):.0f})")
        browser.settle()


def test_first_paint(browser, page):
    found = []
    for _ in range(9):
        browser.open(page)
        found.append(browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    spread = f"{min(found):.0f} to {max(found):.0f} ms, median {median(found):.0f}"
    print(f"\nload {os.getloadavg()[0]:.1f}; first paint {spread}")
    print(f"size: {page.stat().st_size / 1000:.0f} kB")


STORIES = {
    "N = 20, P = 2, d = 1e3": {},
    "N = 50, P = 3, d = 1e3": {"samples": 50, "patches": 3},
    "N = 100, P = 2, d = 1e3": {"samples": 100},
    "N = 20, P = 2, d = 1e6": {"dimension": 1e6},
    "N = 50, P = 2, d = 1e6": {"samples": 50, "dimension": 1e6},
    "N = 20, label smoothing 0.1": {"smoothing": 0.1},
    "N = 20, 20,000 single gradient steps": {"method": "descent", "rate": 3.0},
}
STORY = """
const [changes, done] = arguments, begun = performance.now(), before = view.begun;
let predicted = null;
const look = () => {
  if (predicted === null && view.begun !== before) predicted = performance.now() - begun;
  const computed = view.result && view.begun !== before && document.documentElement.dataset.busy === "no";
  if (computed) done([predicted, performance.now() - begun]);
  else requestAnimationFrame(look);
};
change(changes);
requestAnimationFrame(look);
"""


def test_stories(browser, page):
    browser.driver.set_script_timeout(120)
    print(f"\nload {os.getloadavg()[0]:.1f}; predictions drawn after, s; run complete after, s")
    for name, changes in STORIES.items():
        found = []
        for _ in range(3):
            browser.open(page, SETTING)
            found.append(browser.driver.execute_async_script(STORY, {"seed": 2, **changes}))
        print(f"{name:40s}" + "".join(f"{median(times) / 1000:8.2f}" for times in zip(*found, strict=True)))
