"""The page in a real browser with the network off: what a class does with it, and what it must survive."""

import csv
import io
import json
import time
from pathlib import Path

import browsing
import numpy as np
import pytest
from test_lessons import small

import cgrosim
from cgrosim.classroom.generator import draw_start
from cgrosim.classroom.lesson import given_of, read_lesson
from cgrosim.classroom.page import texts, write_page

pytestmark = pytest.mark.skipif(bool(browsing.missing()), reason=browsing.missing())
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
WIDTHS = [(375, 812), (800, 1000), (1280, 720), (1920, 1080)]
LESSONS = range(1, 11)
RUN = "JSON.stringify([view.state, view.index, view.record.u, view.record.memorised, view.errors, view.begun.end])"
PLAIN = "(key, x) => ArrayBuffer.isView(x) ? Array.from(x) : x"


def test_it_runs_from_disk_without_a_network_or_a_complaint(browser, html):
    browser.open(html)
    assert browser.run("return view.result.main.records.length") > 100
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.complaints() == []


def test_it_plays_scrubs_steps_and_rewinds(browser, html):
    browser.open(html, "lesson=4")
    first = browser.run("return JSON.stringify(view.result.main.records[0].u)")
    browser.run("document.getElementById('play').click()")
    browser.wait("view.index > 3")
    browser.run("document.getElementById('play').click()")
    stopped = browser.run("return view.index")
    browser.run("const s = document.getElementById('scrubber'); s.value = 90; s.dispatchEvent(new Event('input'))")
    assert browser.run("return view.index") == 90
    assert 0 < stopped < 90
    browser.run("document.getElementById('step').click()")
    assert browser.run("return view.index") == 91
    browser.run("document.getElementById('rewind').click()")
    assert browser.run("return [view.index, view.state.time]") == [0, 0]
    assert browser.run("return JSON.stringify(view.record.u)") == first
    browser.run("document.getElementById('end').click()")
    assert browser.run("return document.querySelectorAll('.tile.full').length") == 20
    assert browser.complaints() == []


def test_with_reduced_motion_it_plays_in_leaps(browser, html):
    browser.prefer(prefers_reduced_motion="reduce")
    try:
        browser.open(html, "lesson=4")
        browser.run("document.getElementById('play').click()")
        time.sleep(0.4)
        assert browser.run("return view.index") == 0  # the first leap comes after almost a second
        browser.wait("view.index > 0")
        assert browser.run("return view.index") >= 10
    finally:
        browser.run("stop()")
        browser.prefer(prefers_reduced_motion="no-preference")


def test_the_dot_on_the_map_is_dragged(browser, html):
    from selenium.webdriver.common.action_chains import ActionChains

    browser.open(html, "lesson=7")
    handle = browser.driver.find_element("css selector", "#panel-map .handle")
    ActionChains(browser.driver).click_and_hold(handle).move_by_offset(150, 0).release().perform()
    browser.settle()
    assert browser.run("return view.state.gap") > 0.01
    assert browser.run("return view.past.length") >= 1
    assert f"gap={browser.run('return view.state.gap')}" in browser.run("return location.hash")
    assert browser.complaints() == []


def test_a_link_restores_the_state_bit_for_bit(browser, html):
    browser.open(html, "lesson=0")
    browser.run(
        "change({ gap: 0.01234567890123, samples: 17, noise: 1.1, seed: 4503599627370497, power: 3.3, decay: 0.00031, "
        "sample: 4, width: 7 })"
    )
    browser.settle()
    browser.run("goTo(100)")
    browser.settle()
    state = browser.run(f"return {RUN.replace(')', f', {PLAIN})')}")
    address = browser.run("return location.hash.slice(1)")
    browser.open(html, address)
    assert browser.run(f"return {RUN.replace(')', f', {PLAIN})')}") == state
    assert json.loads(state)[0]["seed"] == 4503599627370497


def test_a_lock_hides_what_a_lesson_does_not_need(browser, html):
    browser.open(html, query="?lesson=2&hide=seed,neurons")
    assert browser.run("return view.state.lesson") == 2
    assert browser.run(
        "return [!!document.getElementById('control-seed'), !!document.getElementById('panel-neurons')]"
    ) == [
        False,
        False,
    ]
    assert browser.run("return !!document.getElementById('control-attack')")


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_can_be_followed(browser, html, lesson):
    """Vote, play to the end, read what happened: numbers in every sentence, and a worksheet with its key."""
    browser.open(html, f"lesson={lesson}")
    words = texts()["lessons"][lesson - 1]
    votes = browser.driver.find_elements("css selector", "#story .votes button")
    assert [button.text for button in votes] == words["options"]
    votes[words["correct"]].click()
    browser.run("document.getElementById('rewind').click(); document.getElementById('end').click()")
    if browser.run("return !document.querySelector('#story .after')"):
        browser.run("document.querySelector('#story .reveal').click()")
    after = browser.run("return document.querySelector('#story .after').textContent")
    assert texts()["page"]["right"] in after
    assert "{" not in after
    assert "–" not in after
    browser.run("Sheets.open('worksheet', view.state.lesson)")
    assert browser.run("return document.querySelectorAll('#sheet .blank').length") >= 6
    browser.run("Sheets.open('')")
    assert browser.complaints() == []


def test_the_lessons_say_what_their_runs_show(browser, html):
    """Facts that the texts state in words, held against the numbers behind them, for three starts."""
    browser.open(html, "lesson=1")
    for seed in (1, 2, 5):
        one, two, seven, eight, nine = (
            browser.run("return Sheets.numbers(arguments[0], arguments[1])", k, seed) for k in (1, 2, 7, 8, 9)
        )
        share = lambda text: float(text.split()[0])  # noqa: E731
        assert share(one["robust_train"]) == 0
        assert 45 <= share(one["robust_test"]) <= 55
        assert share(two["clean_test"]) == 0
        assert float(two["largest"].replace("·10⁻", "e-").split("e")[0]) < 0.7
        assert share(seven["robust_test"]) > 40
        assert share(seven["middle"]["robust_test"]) < 5
        assert seven["middle"]["memorised"] == 10
        assert seven["weak"]["memorised"] < 5
        assert share(seven["weak"]["robust_test"]) < 1
        for robust in ("more", "less"):
            assert share(eight[robust]["robust_test"]) < share(eight["robust_test"])
        assert share(nine["robust_test"]) > 40
        assert share(nine["right"]["robust_test"]) < 5


def test_presets_and_the_key_open(browser, html):
    browser.open(html)
    for k in range(len(texts()["presets"])):
        browser.run(f"const p = document.getElementById('preset'); p.value = '{k}'; p.onchange()")
        browser.settle()
        assert texts()["presets"][k]["note"] in browser.run("return document.getElementById('story').textContent")
    for sheet in ("worksheets", "key", "plan", "summary"):
        browser.run("Sheets.open(arguments[0])", sheet)
        text = browser.run("return document.getElementById('sheet').textContent")
        assert len(text) > 300
        assert "{" not in text
    browser.run("Sheets.open('')")
    assert browser.complaints() == []


def test_exports_are_whole(browser, html):
    """Table, picture and lesson file as downloads; the lesson file gives Python the start that the page shows."""
    browser.open(html, "lesson=0&samples=6&patches=3")
    browser.run("goTo(60)")
    for kind, name in (("csv", "classroom.csv"), ("json", "lesson.json"), ("png", "classroom.png")):
        browser.run(f"const e = document.getElementById('export'); e.value = '{kind}'; e.onchange()")
        end = time.monotonic() + browsing.PATIENCE_SECONDS
        while not (browser.downloads / name).exists():
            assert time.monotonic() < end, name
            time.sleep(0.05)
    rows = list(csv.DictReader(io.StringIO((browser.downloads / "classroom.csv").read_text().partition("\n")[2])))
    assert len(rows) == browser.run("return view.result.main.records.length")
    assert float(rows[60]["memorization_3"]) == browser.run("return view.record.memorised[2]")
    lesson = read_lesson(browser.downloads / "lesson.json")
    assert lesson.params.samples == 6
    assert np.array_equal(lesson.start.signal, draw_start(lesson.params).signal)
    assert lesson.start.gram.ravel().tolist() == browser.run("return Array.from(view.begun.start.gram)")
    assert (browser.downloads / "classroom.png").read_bytes().startswith(b"\x89PNG")
    assert browser.run("return Exports.command") == "cgrosim simulate --start lesson.json"
    assert browser.complaints() == []


def test_a_python_run_in_the_page_shows_the_same_numbers(browser, tmp_path):
    """V of the page and of the run, both integrated at 1e-8 or better, agree to 1e-4 at recorded steps."""
    run = cgrosim.simulate(small(flow_tolerance=1e-10, records=24))
    browser.open(write_page(tmp_path / "run.html", given_of(run, "run.nc")))
    assert "run.nc" in browser.run("return document.getElementById('story').textContent")
    found = browser.run("return view.result.main.records.map((r) => [r.step, ...r.memorised])")
    steps = run.values("step")
    compared = 0
    for step, *memorised in found:
        if step in steps:
            own = run.values("memorization")[list(steps).index(step)]
            np.testing.assert_allclose(memorised, own, rtol=1e-4, atol=1e-8)
            compared += 1
    assert compared >= 3
    browser.run("change({ seed: view.state.seed + 1 })")
    browser.settle()
    assert browser.run("return view.begun.start.signal[0]") != run.start.signal[0]
    assert browser.complaints() == []


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("lesson=0&width=1&seed=1", "wrong side of the true feature"),
        ("lesson=0&dimension=100&samples=60&patches=3", "Take more pixels or fewer samples"),
        ("lesson=0&method=descent&rate=1000", "step size is too large"),
        ("lesson=0&gap=1", "there is no attack"),
        ("lesson=0&gap=abc&samples=-3&nonsense=1", "gap = abc, samples = -3, nonsense = 1"),
    ],
)
def test_impossible_settings_are_explained_and_nothing_is_blank(browser, html, fragment, words):
    browser.open(html, "lesson=0")
    browser.run("location.hash = arguments[0]", fragment)
    browser.wait(f"document.getElementById('notice').textContent.includes({json.dumps(words)})")
    assert browser.run(
        "return [...document.querySelectorAll('.panel')].every((p) => p.querySelector('svg, .tile, .value'))"
    )
    assert browser.complaints() == []


def test_a_neuron_and_a_sample_are_marked_everywhere(browser, html):
    """By keys alone: a neuron marks both planes and the samples it carries; a tile its curve, its mark, its neuron."""
    from selenium.webdriver.common.keys import Keys

    browser.open(html, "lesson=0&time=end")
    browser.run("document.querySelector('#panel-neurons .dot[tabindex=\"0\"]').focus()")
    browser.press(Keys.ARROW_RIGHT * 8)
    assert browser.run("return view.state.neuron") == 8
    carried = browser.run(
        "return Array.from(view.record.memorised, (_, i) => i)"
        ".filter((i) => carriers(view, i, view.record).neuron === 8)"
    )
    assert 0 < len(carried) < 20
    for marked in (".tile", "#panel-time .noise"):
        found = (
            f"[...document.querySelectorAll('{marked}')].flatMap((e, i) => e.classList.contains('carried') ? i : [])"
        )
        assert browser.run(f"return {found}") == carried
    assert browser.run("return document.querySelectorAll('.dot.chosen').length") == 2
    assert ", ".join(str(i + 1) for i in carried) in browser.run(
        "return document.querySelector('#panel-neurons .hint').textContent"
    )
    browser.run("view.choose({ sample: arguments[0] })", carried[-1])
    assert browser.run("return document.querySelectorAll('.noise.chosen, .tick.chosen').length") == 2
    assert browser.run("return document.querySelector('.dot.carrier').getAttribute('aria-label')") == "Neuron 9"
    assert browser.complaints() == []


def test_a_wrong_margin_stands_on_the_left(browser, html):
    """Before training the margin of this sample is negative: its bar must not look like a right one."""
    browser.open(html, "lesson=3")
    sides = (
        "[...document.querySelectorAll('#panel-data .axis')].map((a) => { const zero = a.getBBox().x, "
        "bar = a.previousSibling.previousSibling.getBBox(); return [bar.x < zero - 1, bar.x + bar.width > zero + 1]; })"
    )
    assert browser.run(f"return {sides}") == [[True, False]] * 2
    browser.run("goTo(Infinity)")
    assert browser.run(f"return {sides}")[0] == [False, True]


def test_a_kept_run_stands_beside_the_next(browser, html):
    browser.open(html, "lesson=3&time=end")
    browser.run("document.querySelector('.keep').click()")
    before = browser.run("return [...document.querySelectorAll('.kept')].map((p) => p.getAttribute('d'))")
    browser.run("change({ gap: 0.03 })")
    browser.settle()
    assert len(before) == 21
    assert "0.0046" in browser.run("return document.querySelector('#panel-time .hint').textContent")
    assert browser.run(
        "return [...document.querySelectorAll('.kept')].at(-1).getAttribute('d') !== "
        "document.querySelector('#panel-time .signal').getAttribute('d')"
    )
    browser.run("document.querySelector('.keep').click()")
    assert browser.run("return document.querySelectorAll('.kept').length") == 0
    assert browser.complaints() == []


def test_a_large_setting_runs_in_a_worker(browser, html):
    browser.open(html, "lesson=0&samples=60&patches=3")
    assert browser.run("return runner.worker !== null && view.result.main.problem === ''")
    assert browser.run("return view.result.main.records.length") > 100
    assert browser.complaints() == []


@pytest.mark.slow
def test_the_notebooks_frame_works(browser, tmp_path):
    path = tmp_path / "cell.html"
    path.write_text(f"<!doctype html><body>{cgrosim.classroom.show()._repr_html_()}</body>", encoding="utf-8")
    browser.driver.get(path.as_uri())
    browser.driver.switch_to.frame(0)
    try:
        browser.wait("typeof view !== 'undefined' && document.documentElement.dataset.busy === 'no'")
        assert browser.run("return view.result.main.records.length") > 100
        browser.run("change({ samples: 24, patches: 3 })")  # in a worker, which the sandbox allows
        browser.wait("document.documentElement.dataset.busy === 'no' && view.result")
        assert browser.run("return runner.worker !== null && !runner.broken")
        assert browser.run("return self.origin") == "null"  # nothing of the notebook is within its reach
    finally:
        browser.driver.switch_to.default_content()
    covering = "const r = document.querySelector('p').getBoundingClientRect(); "
    assert browser.run(f"{covering} return document.elementFromPoint(r.x + 20, r.y + 8).tagName") == "IFRAME"
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
