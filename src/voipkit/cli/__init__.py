"""The command line: `voipkit --help`. The only part of voipkit that prints.

Read on in `app` (the commands that ask a carrier), `imports` (the ones that change something there), `proofs`
(evidence), `local` (what needs no carrier), `demo` and `doctor`. What they share is in `options` (arguments and
options), `inputs` (files, environment and prompts), `output` (tables and JSON) and `guard` (errors and exit codes).
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from io import TextIOWrapper

__all__ = ["main"]

_USAGE = 2


def main() -> None:
    """Run the command line and leave the process with an exit code that docs/cli.md explains."""
    if any(find_spec(name) is None for name in ("typer", "rich")):
        print("voipkit: the command line needs an extra: pip install 'voipkit[cli]'", file=sys.stderr)
        sys.exit(_USAGE)
    from voipkit.cli import output
    from voipkit.cli.app import app
    from voipkit.cli.guard import say_lost

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end the run
    try:
        with output.writing():  # --help and --version are no commands of ours, which see to it themselves
            app(prog_name="voipkit")
    except output.OutputLost as error:
        sys.exit(say_lost(error))
