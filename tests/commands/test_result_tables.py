"""A table of results loses no digit in a narrow terminal or a pipe."""

import io

from rich.console import Console

from cgrosim.commands import result_tables
from cgrosim.images.experiments.experiment import Table


def test_numbers_with_errors_are_whole_in_eighty_columns(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(result_tables, "console", Console(file=out, width=80))
    shares = ("99.9 ± 0.1", "94.7 ± 2.3", "95.6 ± 0.3", "77.0 ± 1.5")
    columns = ("training", "network", "epoch", *("clean\ntrain", "robust\ntrain", "clean\ntest", "robust\ntest"), "gap")
    result_tables.print_table(Table("title", columns, [("label smoothing 0.2", "selected", "16-22", *shares, "14.1")]))
    text = out.getvalue()
    assert "…" not in text
    words = text.split()
    for share in shares:
        assert set(share.split()) <= set(words)
