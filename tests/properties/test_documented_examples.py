"""The page on property testing stays true: its blocks run in order, and the false lemma fails as printed there."""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "property-testing.md").read_text(encoding="utf-8")
FALSE_LEMMA = "test_descent_is_as_fast_as_the_flow()"


def test_blocks_run_and_the_false_lemma_is_refuted_as_printed() -> None:
    names: dict[str, Any] = {}
    refuted = 0
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        if FALSE_LEMMA not in block:
            exec(compile(block, "docs/property-testing.md", "exec"), names)
            continue
        with pytest.raises(AssertionError) as failure:
            exec(compile(block, "docs/property-testing.md", "exec"), names)
        found = "\n".join(getattr(failure.value, "__notes__", []))
        printed = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
        assert printed is not None
        # The words around the example belong to hypothesis and change with its version; the example is ours.
        assert printed.group(1).strip() in found
        refuted += 1
    assert refuted == 1


def test_page_names_every_strategy() -> None:
    import cgrosim.testing

    strategies = ("growth_sequences", "comparison_pairs", "regimes", "data_sets", "weights")
    assert all(f"`{name}(" in PAGE or f", `{name}(" in PAGE for name in strategies)
    assert set(strategies) <= set(cgrosim.testing.__all__)
