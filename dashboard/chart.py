"""The picture of the leads by day: bars in SVG, as wide as the page has room for."""

from dataclasses import dataclass

HEIGHT = 100  # of the picture, in units of its own
GAP = 0.16  # of a day's width
EACH = 7  # days, of which a phone has room for the names of all


@dataclass(frozen=True)
class Bar:
    """The part of a day's bar that is valid, and the part that is refused above it."""

    day: object
    left: float
    width: float
    valid_top: float
    valid: float
    refused_top: float
    refused: float


def picture(days):
    """Return what the template draws: the bars of the days, what their top means, and the days that are named."""
    drawn, top = bars(days)
    return {"bars": drawn, "top": top, "ticks": ticks(days)}


def bars(days):
    """Return a Bar for each DayFigure, and the number of leads that the top of the picture means."""
    top = _round_up(max((day.submissions for day in days), default=0))
    drawn = []
    for number, day in enumerate(days):
        valid, refused = (round(HEIGHT * part / top, 2) for part in (day.valid, day.refused))
        drawn.append(
            Bar(
                day,
                round(number + GAP / 2, 2),
                1 - GAP,
                round(HEIGHT - valid, 2),
                valid,
                round(HEIGHT - valid - refused, 2),
                refused,
            )
        )
    return drawn, top


def ticks(days):
    """Return the days that are named below the picture: each of a week, or four of them, evenly apart."""
    last, named = len(days) - 1, 4
    if last < EACH:
        return [figure.day for figure in days]
    return [days[round(number * last / (named - 1))].day for number in range(named)]


def _round_up(number):
    """Return a round number that is at least as large, so that the scale can be read."""
    size = 1
    while number > 10 * size:
        size *= 10
    steps = (1, 2, 3, 4, 5, 6, 8, 10) if size == 1 else (1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(int(step * size) for step in steps if number <= step * size)
