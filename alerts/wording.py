"""How alerts are told: what is new, what still is, what is over, in words that a person on a phone understands."""

from datetime import UTC, datetime, timedelta

from alerts.markup import line
from alerts.message import Message
from web.presenting import moment

MOST = 20  # of a list; the others are counted
LONGEST = 140  # characters of a subject
TEST = "This is a test: here Datapost tells what is wrong."
TEST_ADVICE = "There is nothing to do."


def of_alerts(new, over, now, url):
    """Return the Message of alerts that are new or still there (`new`), and that are over. Each is a JSON object."""
    begun = [alert for alert in new if not alert["told_at"]]
    still = [alert for alert in new if alert["told_at"]]
    parts = [_list("", begun, _one, url), _list("Still:", still, _one, url), _list("Over:", over, _ended, url)]
    return Message.made(
        "alert",
        now,
        subject=f"Datapost: {_subject(begun, still, over)}",
        text="\n\n".join(part for part in parts if part),
        data={"new": new, "over": over},
        grave=any(alert["grave"] for alert in new),
    )


def of_test(now, url):
    """Return the Message by which it is tried whether somebody is told."""
    alert = {
        "key": "test::",
        "kind": "test",
        "program": "",
        "subject": "",
        "grave": False,
        "since": moment(now),
        "told_at": None,
        "gone_at": None,
        "sentence": TEST,
        "advice": f"{TEST_ADVICE} See {url}/dashboard" if url else TEST_ADVICE,
    }
    return of_alerts([alert], [], now, url)


def _subject(begun, still, over):
    told = [*begun, *still, *over]
    if len(told) == 1:
        sentence = line(told[0]["sentence"], LONGEST)
        return sentence if begun else f'{"still" if still else "over"}: "{sentence}"'
    wrong, ended = len(begun) + len(still), len(over)
    if not wrong:
        return f"{_things(ended)} over."
    state = "wrong" if begun else "still wrong"
    new = f" ({len(begun)} of them new)" if begun and still else ""
    return f"{_things(wrong)} {state}{new}{f', {ended} {_are(ended)} over' if ended else ''}."


def _things(count):
    return f"{count} thing{'' if count == 1 else 's'} {_are(count)}"


def _are(count):
    return "is" if count == 1 else "are"


def _list(title, alerts, said, url):
    """Return a paragraph for each alert, below a title; of a long list the first ones."""
    parts = [said(alert) for alert in alerts[:MOST]]
    if (left := len(alerts) - MOST) > 0:
        parts.append(f"… and {left} more: {url}/dashboard" if url else f"… and {left} more, in the dashboard.")
    return "\n\n".join([title, *parts] if title and parts else parts)


def _one(alert):
    lines = [alert["sentence"], alert["advice"], f"Since {_time(alert['since'])}."]
    return "\n".join(line(text) for text in lines if text)


def _ended(alert):
    """Return what is over. Its advice is needed no more."""
    if not alert["gone_at"]:
        return line(alert["sentence"])
    span = _span(_moment(alert["gone_at"]) - _moment(alert["since"]))
    return f"{line(alert['sentence'])}\nIt lasted {span}, until {_time(alert['gone_at'])}."


def _moment(text):
    return datetime.fromisoformat(text)


def _time(text):
    return f"{_moment(text).astimezone(UTC):%d %b %Y, %H:%M} UTC"


def _span(span):
    """Return how long something lasted, in at most two units."""
    minutes = max(round(span / timedelta(minutes=1)), 1)
    units = (("day", minutes // 1440), ("hour", minutes // 60 % 24), ("minute", minutes % 60))
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for unit, count in units if count]
    return " and ".join(said[:2])
