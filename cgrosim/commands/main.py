"""The command line: parses, calls, prints. Status 0 fine, 1 violated or diverged, 2 bad usage or input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

IMAGES = "Train small convolutional networks on real images, with and without attacks, and draw what they learn."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status; a user's mistake is one sentence and status 2."""
    from cgrosim.commands.terminal import print_error
    from cgrosim.errors import UserError

    try:
        return int(_parse(arguments).run())
    except UserError as error:
        print_error(str(error))
        return 2
    except KeyboardInterrupt:
        print_error("interrupted.")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _parse(arguments: Sequence[str] | None) -> Any:
    """The chosen subcommand with its options; tyro prints a usage error and exits with status 2 itself."""
    import tyro

    from cgrosim.commands.info import Info
    from cgrosim.commands.simulate import Simulate
    from cgrosim.commands.verify import Verify

    given = _renamed(sys.argv[1:] if arguments is None else list(arguments))
    return tyro.extras.subcommand_cli_from_dict(
        {"simulate": Simulate, "verify": Verify, "images": _images(given), "info": Info},
        prog="cgrosim",
        description="Run the learning dynamics of adversarial training and check the theory of robust overfitting.",
        args=given,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes, tyro.conf.AvoidSubcommands),
    )


def _images(arguments: list[str]) -> Any:
    """The experiments on images, only imported where they are asked for: the others need no NumPy to parse."""
    from dataclasses import make_dataclass

    if arguments[:1] == ["images"]:
        from cgrosim.commands.images import images_commands

        return images_commands(IMAGES)
    stand_in = make_dataclass("Images", [], frozen=True)
    stand_in.__doc__ = IMAGES
    return stand_in


def _renamed(arguments: list[str]) -> list[str]:
    """The arguments with today's name of a subcommand that was renamed, and one line of notice."""
    from cgrosim.commands.terminal import print_notice

    if arguments[:1] != ["vision"]:
        return arguments
    print_notice("'cgrosim vision' is called 'cgrosim images' now; the old name still works.")
    return ["images", *arguments[1:]]


def entry_point() -> None:
    """The ``cgrosim`` command."""
    sys.exit(main())
