"""A pupil's run in Python, a Python run in the page, and what stands between the two: files and commands."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from page_engine import settings_of

import cgrosim
from cgrosim.classroom.generator import draw_start
from cgrosim.classroom.lesson import given_of, read_lesson
from cgrosim.classroom.page import page as page_text
from cgrosim.commands.main import main
from cgrosim.errors import FileError, UserError
from cgrosim.model.params import Params

SMALL = {"dimension": 200, "samples": 5, "patches": 2, "neurons": 6, "engine": "flow", "sampling": "gram", "seed": 2}


def small(**changes):
    return Params.from_paper(**{**SMALL, "noise_polylog": 2.0, "steps": 30000, "test_samples": 100, **changes})


def lesson_of(params, **changes):
    """A lesson file as the page writes it."""
    names = ("dimension", "patches", "samples", "neurons", "power", "signal_strength", "noise_std", "init_std", "gap")
    names += ("adversarial_weight", "learning_rate", "threat", "seed", "steps", "engine", "sampling")
    return {
        "kind": "cgrosim-lesson",
        "version": 1,
        "address": "lesson=0",
        "generator": "xoshiro128**",
        "parameters": {name: getattr(params, name) for name in names},
        "signal": draw_start(params).signal.tolist(),
        **changes,
    }


def given_start(**changes):
    """The start of a page that was given a run, as it hands it on."""
    drawn = draw_start(small())
    arrays = {name: getattr(drawn, name).ravel().tolist() for name in ("labels", "noise", "gram", "weight_gram")}
    return {**arrays, "truth": [1.0] * 5, **changes}


def written(tmp_path, content):
    path = tmp_path / "lesson.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_lesson_repeats_the_pages_run(page, tmp_path):
    """The same start, and the same trajectory within the tolerance of the two integrators, 1e-8 and 1e-9 a step."""
    params = small()
    lesson = read_lesson(written(tmp_path, lesson_of(params)))
    assert np.array_equal(lesson.start.gram, draw_start(params).gram)
    steps = [0, 10, 100, 1000, 10_000, 30_000]
    run = cgrosim.simulate(lesson.params, start=lesson.start, record_at=steps)
    found = page.run("Flow.run(s, drawStart(s), steps, { tolerance: 1e-9 })", s=settings_of(lesson.params), steps=steps)
    values = np.array([record["memorised"] for record in found["records"]])
    assert np.max(run.values("memorization")) > 0.7  # the story has been told
    np.testing.assert_allclose(values, run.values("memorization"), rtol=1e-4, atol=1e-8)


def test_simulate_starts_from_a_lesson(tmp_path, capsys):
    path, out = written(tmp_path, lesson_of(small())), tmp_path / "out"
    assert main(["simulate", "--start", str(path), "--out", str(out), "--records", "4"]) == 0
    run = cgrosim.load(out / "run.nc")
    assert np.array_equal(run.start.signal, draw_start(small()).signal)
    assert run.params.records == 4
    assert (out / "neuron_plane.png").exists()
    assert "III memorisation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no json", "is no lesson file"),
        ("[1, 2]", "is no lesson file"),
        ({"kind": "cgrosim-lesson"}, "is no lesson file"),
        (lesson_of(small(), version=7), "lesson of version 7"),
        (lesson_of(small(), signal=[0.0] * 6), "another start"),
        (lesson_of(small(), parameters={**lesson_of(small())["parameters"], "samples": 500}), "no page draws"),
        (lesson_of(small(), parameters={**lesson_of(small())["parameters"], "gap": 3}), "gap is 3"),
        # the start of thousands of neurons would be drawn for minutes
        (
            lesson_of(small(), parameters={**lesson_of(small())["parameters"], "dimension": 9999, "neurons": 5000}),
            "no page draws",
        ),
        (lesson_of(small(), generator="given", start={"labels": [1]}), "holds no whole start"),
        (lesson_of(small(), generator="given", start=given_start(labels=["1"] * 5)), "holds no whole start"),
        (lesson_of(small(), generator="given", start=given_start(labels=[True] * 5)), "holds no whole start"),
        (lesson_of(small(), generator="given", start=given_start(labels=[3] * 5)), "labels other than -1 and +1"),
        (lesson_of(small(), generator="given", start=given_start(gram=[10**400] * 25)), "holds no whole start"),
        (lesson_of(small(), generator="given", start=given_start(gram=[float("nan")] * 25)), "not finite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_lessons_are_one_sentence(tmp_path, capsys, content, words):
    path = written(tmp_path, content)
    assert main(["simulate", "--start", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert words in " ".join(said.split())
    assert "Traceback" not in said


def test_a_missing_lesson_is_one_sentence(tmp_path, capsys):
    assert main(["simulate", "--start", str(tmp_path / "none.json"), "--out", str(tmp_path / "out")]) == 2
    assert "does not exist" in " ".join(capsys.readouterr().err.split())


def test_start_and_resume_exclude_each_other(tmp_path, capsys):
    path = written(tmp_path, lesson_of(small()))
    assert main(["simulate", "--start", str(path), "--resume", "x.ckpt"]) == 2
    assert "leave out every other parameter" in " ".join(capsys.readouterr().err.split())


def test_a_given_start_comes_back(tmp_path):
    """Page to Python of a run that came from Python: every bit of the start."""
    params = small()
    run = cgrosim.simulate(params.replace(steps=100))
    given = given_of(run, "run.nc")
    held = {name: given["start"][name] for name in ("labels", "truth", "noise", "gram", "weight_gram")}
    content = lesson_of(params, generator="given", signal=given["start"]["signal"], start=held)
    back = read_lesson(written(tmp_path, content)).start
    for name in ("labels", "signal", "noise", "gram", "weight_gram"):
        assert np.array_equal(getattr(back, name), getattr(run.start, name)), name


def test_a_run_with_vectors_becomes_a_page():
    run = cgrosim.simulate(small(sampling="explicit", engine="direct", steps=20))
    given = given_of(run, "run")
    assert len(given["start"]["gram"]) == run.params.noise_patches**2
    assert given["settings"]["signal_strength"] == run.params.signal_strength


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation": "relu"}, "odd power activation"),
        ({"momentum": 0.5}, "no momentum"),
        ({"batch_size": 1}, "no batch_size"),
        ({"unlearnable_fraction": 0.4}, "no unlearnable_fraction"),
    ],
    ids=str,
)
def test_a_run_that_the_page_does_not_know_is_refused(changes, words):
    run = cgrosim.simulate(small(**changes, steps=20, engine="reduced"))
    with pytest.raises(UserError, match=words):
        given_of(run, "run")


def test_the_command_writes_one_page(tmp_path, capsys):
    out = tmp_path / "lesson.html"
    assert main(["classroom", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == page_text()
    assert main(["classroom", "--out", str(out)]) == 0  # a page of ours is replaced
    assert "needs no network" in " ".join(capsys.readouterr().out.split())


def test_the_command_opens_the_page_in_the_browser_that_is_set(tmp_path):
    """In a process of its own: Python reads BROWSER once. The name has a letter and a space that an address escapes."""
    out, browser = tmp_path / "première leçon.html", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{tmp_path}/opened"\n', encoding="utf-8")
    browser.chmod(0o755)
    command = [sys.executable, "-m", "cgrosim", "classroom", "--open", "--out", str(out)]
    for program, said in ((browser, ""), (tmp_path / "none", "no browser was found")):
        environment = {**os.environ, "BROWSER": f"{program} %s"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert said in done.stdout
    assert (tmp_path / "opened").read_text(encoding="utf-8") == out.as_uri()


def test_the_command_takes_a_run(tmp_path):
    run = cgrosim.simulate(small(steps=50))
    run.save(tmp_path / "run.nc")
    out = tmp_path / "lesson.html"
    assert main(["classroom", "--out", str(out), "--from", str(tmp_path / "run.nc")]) == 0
    assert json.dumps(run.start.signal.tolist(), separators=(",", ":")) in out.read_text(encoding="utf-8")


def test_a_run_whose_name_is_no_text(tmp_path):
    odd = tmp_path / os.fsdecode(b"a\xff<script>.nc")
    cgrosim.simulate(small(steps=50)).save(odd)
    out = tmp_path / "lesson.html"
    assert main(["classroom", "--out", str(out), f"--from={odd}"]) == 0
    assert "<script>.nc" not in out.read_text(encoding="utf-8")


def test_the_command_spares_other_files(tmp_path, capsys):
    other = tmp_path / "thesis.html"
    other.write_text("<p>years of work</p>")
    assert main(["classroom", "--out", str(other)]) == 2
    assert "is no page of cgrosim" in " ".join(capsys.readouterr().err.split())
    assert other.read_text() == "<p>years of work</p>"
    assert main(["classroom", "--out", str(tmp_path / "page.txt")]) == 2


def test_notebooks_show_the_page():
    shown = cgrosim.classroom.show(height=500)._repr_html_()
    assert shown.count("<iframe srcdoc=") == 1
    assert "height:500px" in shown
    assert "<script" not in shown  # escaped, so that nothing runs outside the frame


def test_a_lesson_of_a_vanished_file_is_an_error(tmp_path):
    with pytest.raises(FileError):
        read_lesson(tmp_path)
