#!/bin/sh
# Make a virtual environment with the newest Python that voipkit is tested on: sh tools/venv.sh DIRECTORY
# PYTHON=/path/to/python chooses another one.
set -eu

usable() { # an entry on PATH may be a shim that runs nothing, so it is tried, not only found
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

found=
for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 python; do
    if usable "$candidate"; then
        found=$candidate
        break
    elif [ "$candidate" = "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is not a Python of version 3.11 or later." >&2
        exit 1
    fi
done

if [ -z "$found" ]; then
    echo "voipkit needs Python 3.11 or later, and none was found." >&2
    echo "  Debian 12 and later, Ubuntu: sudo apt-get install python3 python3-venv" >&2
    echo "  macOS: install it from python.org, or with: brew install python@3.13" >&2
    echo "  Anything else: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
fi

if ! "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$found cannot make virtual environments: Debian keeps that in a package of its own." >&2
    echo "  sudo apt-get install python3-venv    (or python$version-venv)" >&2
    exit 1
fi

echo "Making $1 with $("$found" --version) ..."
rm -rf "$1"
"$found" -m venv "$1" || { rm -rf "$1"; exit 1; }
