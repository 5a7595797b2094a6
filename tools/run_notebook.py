"""Run notebooks in a kernel of this very Python; an error in a cell is an error here. Files are not changed."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

_SECONDS_A_CELL = 120


def main(paths: list[str]) -> int:
    """Run each notebook from its own folder, and report the cell that fails."""
    with tempfile.TemporaryDirectory() as scratch:
        # Neither start-up files nor kernels that the user has installed elsewhere take part.
        os.environ |= {"IPYTHONDIR": scratch, "JUPYTER_DATA_DIR": scratch, "JUPYTER_PREFER_ENV_PATH": "1"}
        return max((_run(Path(path)) for path in paths), default=0)


def _run(path: Path) -> int:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    began = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=_SECONDS_A_CELL,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # ipykernel 7.4 warns of its own TCP sockets on the loopback interface
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {len(notebook.cells)} cells ran in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
