"""``python -m voipkit.cli``: the same as ``voipkit``, where the script is not on the PATH."""

from voipkit.cli import main

main()
