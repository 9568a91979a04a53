"""The built page: one small file that asks the network for nothing, with every word in the texts."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from cgrosim.classroom.page import NUMBERS, PAGE, page, source, texts

LARGEST = 400_000  # bytes, as promised


def test_the_page_is_one_small_file_without_addresses():
    text = page()
    assert len(text.encode()) < LARGEST
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(?!data:)", text)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|importScripts|@import|url\((?!#)", text)
    assert "/*" + "TEXTS*/" not in text
    assert "{{" not in text


def test_the_page_is_the_same_every_time():
    other = "import cgrosim.classroom.page as p, hashlib; print(hashlib.sha256(p.page().encode()).hexdigest())"
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sha256(page().encode()).hexdigest()


def test_nothing_embedded_ends_its_script():
    given = {"name": "</script><script>alert(1)</script>", "start": {}, "settings": {}, "state": {}}
    assert "<script>alert" not in page(given)
    assert page(given).count("</script>") == page().count("</script>")


def test_ten_lessons_each_with_a_vote_and_a_worksheet():
    lessons = texts()["lessons"]
    assert len(lessons) == 10
    for lesson in lessons:
        assert 0 <= lesson["correct"] < len(lesson["options"]) >= 2, lesson["title"]
        assert len(lesson["tasks"]) >= 3
        for task, answer in lesson["tasks"]:
            assert task
            assert answer


def test_every_word_shown_is_in_the_texts():
    """Every T.a.b, TEXTS.a.b and {{a.b}} names a text, and no script holds a sentence of its own."""
    words = texts()
    for name in PAGE:
        script = source(f"{name}.js")
        for path in re.findall(r"\b(?:T|TEXTS)((?:\.[a-z_]+)+)", script):
            at = words
            for part in path.strip(".").split("."):
                if not isinstance(at, dict) or part not in at:
                    assert isinstance(at, list | str), f"{name}.js: {path}"
                    break
                at = at[part]
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", script, flags=re.S)
        sentences = [s for s in re.findall(r'"([^"\n]*)"', code) if re.search(r"[A-Z][a-z]+ [a-z]+ [a-z]+", s)]
        assert not sentences, f"{name}.js: {sentences}"
    for section, key in re.findall(r"\{\{(\w+)\.(\w+)\}\}", source("page.html")):
        assert key in words[section]


def leaves(words, path=()):
    """The paths of all texts; those in lists are shown one after another and count with their list."""
    for key, value in words.items():
        yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


def test_every_text_is_shown_somewhere():
    """A text is named outright (T.a.b), or its section is indexed (T.a[x]) and x takes its name in some script."""
    code = "\n".join(source(f"{name}.js") for name in PAGE + NUMBERS)
    code = re.sub(r"\bS\.", "T.sheets.", code).replace("T.controls.groups[", "T.groups[")  # the names these go by
    named = {".".join(pair) for pair in re.findall(r"\{\{(\w+)\.(\w+)\}\}", source("page.html"))}
    for path in re.findall(r"\b(?:T|TEXTS)\.([a-z_.]+)", code):
        parts = path.split(".")
        named |= {".".join(parts[: k + 1]) for k in range(len(parts))}
    indexed = set(re.findall(r"\bT\.([a-z_]+)\[", code))
    quoted = set(re.findall(r'"(\w+)"', code)) | set(re.findall(r"PANELS\.(\w+) =", code))
    settings = set(re.findall(r"\b(\w+): [\[{]", source("state.js")))  # LIMITS and GROUPS
    unused = []
    for *sections, key in leaves(texts()):
        taken = quoted | settings if "controls" in sections else quoted
        if ".".join([*sections, key]) not in named and not (sections and sections[-1] in indexed and key in taken):
            unused.append(".".join([*sections, key]))
    for number, lesson in enumerate(texts()["lessons"], start=1):
        spoken = json.dumps([lesson["after"], lesson["tasks"]])
        unused += [f"lesson {number}: {name}" for name in lesson.get("variants", {}) if f"{{{name}." not in spoken]
    assert unused == []


def test_scripts_stay_readable():
    for name in (*NUMBERS, *PAGE):
        lines = source(f"{name}.js").splitlines()
        assert len(lines) <= 400, name
    assert len(source("model.js").splitlines()) <= 300


def test_texts_are_json_that_survives_a_round_trip():
    assert json.loads(json.dumps(texts())) == texts()


def test_the_page_of_the_docs_is_of_today():
    kept = Path(__file__).parents[2] / "docs" / "classroom.html"
    assert kept.read_text(encoding="utf-8") == page(), "write it again: cgrosim classroom --out docs/classroom.html"
