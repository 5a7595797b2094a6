"""A distribution's metadata without its installation: what lets a test find a carrier in a folder of sources."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path


def as_installed(project: Path, folder: Path) -> dict[str, str]:
    """Write the metadata of a project with a src layout, as pip would.

    Args:
        project: Where its pyproject.toml is.
        folder: Where the metadata goes.

    Returns:
        An environment in which child processes find the distribution and its modules.
    """
    settings = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{settings['name'].replace('-', '_')}-{settings['version']}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {settings['name']}", f"Version: {settings['version']}"]
    lines += [f"Requires-Dist: {each}" for each in settings["dependencies"]]
    (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    groups = (
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items())])
        for group, points in settings["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(project / "src")])}
