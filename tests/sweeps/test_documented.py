"""The page about sweeps runs as it stands."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"


def test_every_block_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    known = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), known)
    assert "gap 5 x samples 2 x seed 3: 30 finished" in capsys.readouterr().out
    assert known["follows"].data.samples.values.tolist() == [3, 12]
    assert known["follows"].params(dimension=1200).dimension == 1200
    assert set(known["memorised"].data_vars) == {"low", "middle", "high"}
    assert len(known["rows"]) == 30
