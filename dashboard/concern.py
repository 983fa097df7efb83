"""What an owner must know: a Concern, and how its sentences name programs and spans."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Concern:
    """Something to look at: in one sentence, what to do about it, and where. `grave` costs leads or money now."""

    sentence: str
    advice: str
    grave: bool = False
    href: str = ""
    link: str = ""


def title(program):
    return program.spec.title or program.name


def duration(span):
    """Return a span in the largest unit of which there are two, or minutes."""
    minutes = span.total_seconds() / 60
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes / size:.0f} {unit}"
    if span < timedelta(minutes=1.5):
        return "minute" if span > timedelta(seconds=30) else "few seconds"
    return f"{minutes:.0f} minutes"
