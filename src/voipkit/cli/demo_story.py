"""How the demo tells its story: what is claimed to have happened is looked at, for the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.text import Text

from voipkit.cli import output

__all__ = ["Story"]


@dataclass
class Story:
    """Tells what happens, and remembers whether it happened as told."""

    failures: list[str] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        """Begin a part."""
        output.line()
        output.line(f"== {title}", "bold cyan")

    def say(self, text: str | Text) -> None:
        """Tell what cannot go wrong."""
        output.line(Text.assemble("   ", text))

    def check(self, holds: bool, text: str) -> None:
        """Tell what is claimed to have happened."""
        if holds:
            output.line(Text.assemble(" ", ("ok", "green"), f" {output.clean(text)}"))
        else:
            self.failures.append(text)
            output.line(Text.assemble(" ", ("NOT AS TOLD", "bold red"), f" {output.clean(text)}"))
