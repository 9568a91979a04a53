"""Files that are whole, sealed with a right checksum, and wrong: refused in one sentence, or taken at their word."""

import json
import os
from contextlib import suppress

import pytest
from campaign import Row, trials
from resealed import labelled, record
from test_damage import judged

import cgrosim
from cgrosim.errors import UserError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign needs POSIX processes")

GOAL = 1000  # of each kind
NOTE = "no accident: what contradicts itself is refused, what does not is taken for what it says"


def kinds_of_arrays():
    from cgrosim.images.experiments.landscape_file import LANDSCAPE
    from cgrosim.images.experiments.stage_records import STAGES
    from cgrosim.run.run_file import RUN
    from cgrosim.sweeps.table import TABLE

    return {"run.nc, with its start": RUN, "stages.nc": STAGES, "landscape.nc": LANDSCAPE, "table.nc": TABLE}


def count(came, row, what):
    if came == "refused":
        row.refused += 1
    elif came.startswith("failed") and "with other content" not in came:
        row.fail(f"{what}: {came}")
    else:
        row.survived += 1


@pytest.mark.campaign
def test_records_with_one_wrong_value(formats, tmp_path):
    chosen = {what: form for what, form in formats.items() if form.suffix == ".json" and form.sealed}
    row = Row(f"files with one wrong value and a right checksum: {', '.join(chosen)}", GOAL, note=NOTE)
    for number in row.numbers(trials(GOAL)):
        what = [*chosen][number % len(chosen)]
        how, content = record(chosen[what].content, number)
        count(judged(chosen[what], "", tmp_path / "damaged.json", content), row, f"{what}, {how}")
    row.finish()


@pytest.mark.campaign
def test_labelled_arrays_with_one_wrong_thing(formats, tmp_path):
    kinds = kinds_of_arrays()
    row = Row(f"files with one wrong value and a right checksum: {', '.join(kinds)}", GOAL, note=NOTE)
    for number in row.numbers(trials(GOAL)):
        what, path = [*kinds][number % len(kinds)], tmp_path / "damaged.nc"
        path.write_bytes(formats[what].content)
        how = labelled(path, kinds[what], number)
        count(judged(formats[what], "", path, path.read_bytes()), row, f"{what}, {how}")
    row.finish()


def sealed(told):
    from cgrosim.files.records import record_text

    told.pop("checksum", None)
    return record_text(told)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan, mark: plan["sections"][0]["axes"][0].update(values=[0.01, [[]]]),
        lambda plan, mark: plan["sections"][0]["axes"].clear(),
        lambda plan, mark: plan.update(identity=3),
        lambda plan, mark: mark.pop("messages"),
        lambda plan, mark: mark.update(messages=[[]]),
        lambda plan, mark: mark.update(messages=[["x", [10**9]]]),
        lambda plan, mark: mark.pop("data"),
        lambda plan, mark: mark.update(lengths=3),
    ],
)
def test_a_plan_or_a_mark_that_is_whole_and_wrong_is_no_traceback(change, tmp_path):
    params = cgrosim.Params.from_paper(100, samples=3, neurons=2, steps=3, test_samples=5, engine="reduced")
    cgrosim.sweep(params, {"gap": [0.01, 0.1]}, out=tmp_path, predicted_seeds=0)
    files = [tmp_path / "plan.json", next((tmp_path / "marks").iterdir())]
    told = [json.loads(path.read_text()) for path in files]
    change(*told)
    for path, each in zip(files, told, strict=True):
        path.write_text(sealed(each))
    with suppress(UserError):
        table = cgrosim.sweep(params, {"gap": [0.01, 0.1]}, out=tmp_path, predicted_seeds=0)
        assert table.counts == {"finished": 2}
