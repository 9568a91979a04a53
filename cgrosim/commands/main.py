"""The command line: parses, calls, prints. Status 0 fine, 1 violated or diverged, 2 bad usage or input."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any

IMAGES = "Train small convolutional networks on real images, with and without attacks, and draw what they learn."

SUBCOMMANDS = {
    "simulate": ("simulate", "Simulate", "Run one experiment and draw it."),
    "sweep": (
        "sweep",
        "Sweep",
        "Run a grid of experiments into one table and draw its maps, with the predicted edges.",
    ),
    "verify": ("verify", "Verify", "Check the claims of the theory against simulations."),
    "images": ("images", "images_commands", IMAGES),
    "classroom": ("classroom", "Classroom", "Write the page for a class, which computes live and offline."),
    "examples": (
        "examples",
        "Examples",
        "List the experiments that come with cgrosim, or copy them where you can change them.",
    ),
    "info": ("info", "Info", "Show this installation, and what holds and is predicted for given parameters."),
}
"""Module, what is taken from it, and the line of the help."""

LONGEST_NAME = 100  # letters of an option
SECONDS_TO_END = 3.0  # after an interruption, for threads and workers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status; a user's mistake is one sentence and status 2.

    Ctrl-C ends with status 130, SIGTERM with 143 and SIGHUP with 129, whatever was recorded being kept.
    """
    from cgrosim.interrupts import INTERRUPTED, Endings

    with Endings() as endings:
        try:
            return endings.status(_run(arguments))
        except KeyboardInterrupt:
            endings.done()
            _say("interrupted.")
            return endings.status(INTERRUPTED)


def _run(arguments: Sequence[str] | None) -> int:
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown

    given = sys.argv[1:] if arguments is None else list(arguments)
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not (epoch.isascii() and epoch.isdecimal()):  # NumPy reads it on import
        _say(f"SOURCE_DATE_EPOCH is {shown(epoch)!r}; it must be a whole number: correct it, or unset it.")
        return 2
    if given == ["--version"]:
        from cgrosim import __version__

        print(f"cgrosim {__version__}")
        return 0
    try:
        _check_printable(given)
        return int(_parse(given).run())
    except UserError as error:
        _say(str(error))
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:  # a full disk, a folder of another user, a terminal that is gone
        place = "" if error.filename is None else f"{shown(error.filename)}: "
        _say(f"{place}{error.strerror or error}; make room or another place for it.")
        return 2
    except (ImportError, EOFError) as error:  # a library that is not whole, or half a file of its bytecode
        what = f"{type(error).__name__}: {shown(error)}"
        _say(f"a library cannot be loaded ({what}); remove the __pycache__ folders beside it, or install it again.")
        return 2
    except MemoryError:
        _say("there is not enough memory for this; ask for less, or take a larger machine.")
        return 2


def _say(sentence: str) -> None:
    from cgrosim.commands.terminal import print_error

    with suppress(OSError):  # the terminal may be gone, which is why the work was to end
        print_error(sentence)


def _check_printable(arguments: list[str]) -> None:
    """Refuse what the parser would repeat to the terminal letter by letter: control characters, pages of text."""
    from cgrosim.errors import UserError
    from cgrosim.files.words import quoted

    for argument in arguments:
        name = argument.partition("=")[0]
        if not name.isprintable() or (name.startswith("-") and len(name) > LONGEST_NAME):
            raise UserError(f"{quoted(argument)} is neither an option nor a value; see cgrosim --help.")


def _parse(arguments: list[str]) -> Any:
    """The chosen subcommand with its options; tyro prints a usage error and exits with status 2 itself.

    It repeats what it does not understand letter by letter: such words are shown to it short and without control
    characters, once it is known that it refuses them.
    """
    from cgrosim.errors import UserError
    from cgrosim.files.words import shown

    given = _renamed(arguments)
    words = [shown(word) for word in given]
    if words == given:
        return _parsed(given)
    silence = io.StringIO()
    try:
        with redirect_stdout(silence), redirect_stderr(silence):
            return _parsed(given)
    except SystemExit:
        _parsed(words)
    raise UserError(f"{' '.join(words)} is not understood; see cgrosim --help.")


def _parsed(given: list[str]) -> Any:
    import tyro

    return tyro.extras.subcommand_cli_from_dict(
        subcommands(given),
        prog="cgrosim",
        description="Run the learning dynamics of adversarial training and check the theory of robust overfitting. "
        "cgrosim --version says which version this is.",
        args=given,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, tyro.conf.AvoidSubcommands),
    )


def subcommands(arguments: list[str]) -> dict[str, Any]:
    """Every subcommand by name, in the order of the help.

    What is not asked for is a stand-in of the same name and summary, whose options need not be imported: the help of
    all of them needs no parameters, and that of one none of the others.
    """
    asked = arguments[:1]
    if asked not in (["--help"], ["-h"], *([name] for name in SUBCOMMANDS)):
        asked = [*SUBCOMMANDS]  # whatever it is: every option is wanted for the sentence about it
    return {
        name: _loaded(name, *place) if name in asked else _stand_in(name, summary)
        for name, (*place, summary) in SUBCOMMANDS.items()
    }


def _loaded(name: str, room: str, made: str) -> Any:
    from importlib import import_module

    found = getattr(import_module(f"cgrosim.commands.{room}"), made)
    return found(IMAGES) if name == "images" else found


def _stand_in(name: str, summary: str) -> Any:
    from dataclasses import make_dataclass

    found = make_dataclass(name.capitalize(), [], frozen=True)
    found.__doc__ = summary
    return found


def _renamed(arguments: list[str]) -> list[str]:
    """The arguments with today's name of a subcommand that was renamed, and one line of notice."""
    from cgrosim.commands.terminal import print_notice

    if arguments[:1] != ["vision"]:
        return arguments
    print_notice("'cgrosim vision' is called 'cgrosim images' now; the old name still works.")
    return ["images", *arguments[1:]]


def _spare_bytecode() -> None:
    """Where the size of files is limited, Python would keep half a file of a module's bytecode and trip over it."""
    with suppress(ImportError):  # not on Windows
        import resource

        if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
            sys.dont_write_bytecode = True


def entry_point() -> None:
    """The ``cgrosim`` command; what it leaves behind cannot keep the process alive, nor can a late signal spoil it."""
    from cgrosim.interrupts import ENDING, end_within

    _spare_bytecode()
    status = main()
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    if status > 128:
        end_within(SECONDS_TO_END, status)
    sys.exit(status)
