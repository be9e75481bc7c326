"""Entry point of the `zhuisu` command."""

import gc
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name."""
    # What is loaded stays: to look for garbage in it meanwhile took a sixth of a start.
    gc.disable()
    from services.cli.command_line import command_line
    from services.cli.messages import language_of

    gc.enable()
    given = list(sys.argv[1:] if arguments is None else arguments)
    command_line(language_of(os.environ, given), given[0] if given else "")(args=given, prog_name="zhuisu")


if __name__ == "__main__":
    main()
