"""``python -m cgrosim`` is the ``cgrosim`` command."""

from cgrosim.commands.main import entry_point

if __name__ == "__main__":
    entry_point()
