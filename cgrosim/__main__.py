"""``python -m cgrosim`` is the ``cgrosim`` command."""

from cgrosim.cli import entry_point

if __name__ == "__main__":
    entry_point()
