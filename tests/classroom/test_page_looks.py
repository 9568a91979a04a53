"""How the page looks in a real browser: on every width, in light and dark, on paper, and for those who use keys."""

import base64
from pathlib import Path

import browsing
import pytest

from cgrosim.classroom.page import texts

pytestmark = pytest.mark.skipif(bool(browsing.missing()), reason=browsing.missing())
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
WIDTHS = [(375, 812), (800, 1000), (1280, 720), (1920, 1080)]
LESSONS = range(1, 11)


def test_nothing_is_cut_off_on_the_projector(browser, html):
    """At 1280x720 the question, every vote and the answer of each lesson are seen without scrolling."""
    browser.open(html)
    cut = "['story', 'panels'].filter((id) => $(id).scrollHeight > $(id).clientHeight)"
    for number in LESSONS:
        browser.run("openLesson(arguments[0])", number)
        seen = [browser.run(f"return {cut}")]
        browser.run("document.querySelector('.votes button').click()")
        seen.append(browser.run(f"return {cut}"))
        browser.run("document.querySelector('.reveal').click()")
        seen.append(browser.run(f"return {cut}"))
        assert seen == [[]] * 3, number


@pytest.mark.parametrize("fragment", ["lesson=0&time=end", "lesson=0&samples=45", "lesson=0&samples=100"])
def test_tiles_stay_in_their_panel(browser, html, fragment):
    """However many samples there are, no tile lies under the sentence below them or outside the panel."""
    browser.open(html, fragment)
    browser.wait("Object.values(view.panels).every((p) => p.size.height === Math.max(90, p.body.clientHeight))")
    outside = browser.run(
        "const b = view.panels.samples.body.getBoundingClientRect(); "
        "return [...document.querySelectorAll('.tile')].map((t) => t.getBoundingClientRect())"
        ".filter((r) => r.right > b.right + 1 || r.bottom > b.bottom + 1).length"
    )
    assert outside == 0


@pytest.mark.parametrize("width", [pytest.param(375, marks=pytest.mark.slow), 1280])
def test_names_on_the_map_stay_in_their_regions(browser, html, width):
    browser.size(width, 800)
    try:
        for fragment in ("lesson=9", "lesson=7", "lesson=0"):
            browser.open(html, fragment)
            outside = browser.run(
                "const b = document.querySelector('#panel-map .axis').getBBox(); "
                "return [...document.querySelectorAll('#panel-map .region')].map((t) => [t.textContent, t.getBBox()])"
                ".filter(([, r]) => r.x < b.x || r.y < b.y || r.x + r.width > b.x + b.width + 1 || "
                "r.y + r.height > b.y + b.height + 1).map(([text]) => text)"
            )
            assert outside == []
            names = texts()["map"]
            named = " ".join(
                browser.run(
                    "return [...document.querySelectorAll('#panel-map svg > text, #panel-map .hint')]"
                    ".map((t) => t.textContent)"
                )
            )
            shown = {
                "lesson=9": ("overfitting", "robust", "forgotten"),
                "lesson=7": ("overfitting", "memorised", "robust"),
                "lesson=0": ("overfitting", "robust"),
            }
            for name in shown[fragment]:  # inside, or in a key or the hint where the region is too narrow
                assert names[name] in named or "".join(names[name].split()) in "".join(named.split())
    finally:
        browser.size(1280, 720)


@pytest.mark.parametrize(("width", "height"), WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser, html, width, height, scheme):
    """No sideways scrolling; every text has the contrast of WCAG AA against what is behind it."""
    browser.prefer(prefers_color_scheme=scheme)
    browser.size(width, height)
    try:
        browser.open(html, "lesson=0&time=end")
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        if width >= 1280:  # on a projector nothing is scrolled, and the four errors have 28 pixels at least
            assert browser.run("return document.documentElement.scrollHeight <= innerHeight")
            sizes = browser.run(
                "return [...document.querySelectorAll('.value')].map((v) => getComputedStyle(v).fontSize)"
            )
            assert all(float(size.removesuffix("px")) >= 28 for size in sizes)
        assert browser.run(CONTRAST) == []
        assert browser.complaints() == []
    finally:
        browser.size(1280, 720)
        browser.prefer(prefers_color_scheme="light")


def test_everything_has_a_name_and_is_reached_by_keys(browser, html):
    browser.open(html, "lesson=0&time=end")
    nameless = browser.run(
        "return [...document.querySelectorAll('button, input, select, [role=slider], svg[role=img]')].filter((e) => "
        "!(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert nameless == []
    browser.driver.find_element("tag name", "body").click()
    browser.press("4")
    browser.settle()
    assert browser.run("return view.state.lesson") == 4
    browser.press("a")
    browser.settle()
    assert browser.run("return view.state.attack") is False
    from selenium.webdriver.common.keys import Keys

    browser.press(Keys.END)
    assert browser.run("return view.index === view.result.main.records.length - 1")
    browser.press(Keys.ARROW_LEFT)
    assert browser.run("return view.index === view.result.main.records.length - 2")
    browser.press(" ")
    browser.wait("view.index === view.result.main.records.length - 1")
    browser.press("7")
    browser.settle()
    browser.run("document.querySelector('#panel-map .handle').focus()")
    before = browser.run("return view.state.gap")
    browser.press(Keys.ARROW_RIGHT)
    browser.settle()
    assert browser.run("return view.state.gap") > before
    assert browser.run("return document.activeElement.classList.contains('handle')")
    browser.press("?")
    assert browser.run("return document.getElementById('dialog').open")
    browser.press(Keys.ESCAPE)
    assert not browser.run("return document.getElementById('dialog').open")
    assert browser.complaints() == []


def test_worksheets_print_on_one_page_each(browser, html):
    browser.open(html)
    browser.run("Sheets.open('worksheets')")
    pdf = base64.b64decode(browser.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    browser.run("Sheets.open('')")
    assert pdf.startswith(b"%PDF")
    pages = pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ")
    assert pages == 10


RECTANGLES = """return [...document.querySelectorAll("#panels > *, footer, header, #controls")].map((element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [x, y, width, height];
})"""


@pytest.mark.parametrize("lesson", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 9))])
def test_nothing_jumps_while_it_plays_or_a_slider_moves(browser, html, lesson):
    browser.size(1280, 720)
    browser.open(html, f"lesson={lesson}")
    before = browser.run(RECTANGLES)
    assert len(before) > 4
    for script in ("goTo(view.result.main.records.length - 1)", "change({gap: 0.02}, true)", "goTo(5)"):
        browser.run(script)
        browser.settle()
        assert browser.run(RECTANGLES) == before, script
