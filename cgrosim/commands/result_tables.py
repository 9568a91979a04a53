"""Tables of results on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cgrosim.commands.terminal import console

if TYPE_CHECKING:
    from cgrosim.images.experiments.experiment import Table


def print_table(table: Table) -> None:
    """Print a table with its title; columns of numbers are on the right."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table as RichTable

    drawn = RichTable(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, column in enumerate(table.columns):
        numbers = all(row[place][:1].isdigit() or not row[place] for row in table.rows)
        # a number with its error goes on in the next line where the terminal is narrow, instead of losing digits
        whole = place == 0 or (numbers and not any(" " in row[place] for row in table.rows))
        drawn.add_column(column, justify="right" if numbers else "left", no_wrap=whole, overflow="fold")
    for place, row in enumerate(table.rows):
        drawn.add_row(*(escape(cell) for cell in row), style=table.styles.get(place))
    console.print(drawn)
