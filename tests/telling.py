"""What is told, and to whom: a Message about alerts, and receivers as the environment names them."""

from datetime import UTC, datetime

from alerts import kinds, wording
from web.settings import Settings

URL = "https://leads.acme.example"
NOW = datetime(2026, 11, 27, 18, 5, tzinfo=UTC)
# What a partner may be called.
HOSTILE = (
    "<!channel> @channel @everyone <@U1> [free](https://evil.example) *b* `c` ![i](https://evil.example/i.png)\n"
    "# head\n<img src=x onerror=alert(1)> \u202egnp.exe <https://evil.example|here> &lt; \x00\x07 </at>"
)


def alert(sentence="default.yaml is broken: 1 mistake.", subject="default.yaml", **values):
    return {
        "key": f"rules_broken:default:{subject}",
        "kind": "rules_broken",
        "program": "default",
        "subject": subject,
        "grave": True,
        "since": "2026-11-27T18:00:00.000Z",
        "told_at": None,
        "gone_at": None,
        "sentence": sentence,
        "advice": f"Mend it. See {URL}/dashboard/programs/default",
    } | values


def hostile():
    """Return the Message of an alert that names a partner of a hostile name."""
    return wording.of_alerts([alert(f"{HOSTILE} sent tests.")], [], NOW, URL)


def several(count=1):
    return wording.of_alerts([alert(f"Zoë {number} is wrong.") for number in range(count)], [], NOW, URL)


def tell(address, message=None, **environ):
    """Send a Message to an address of DATAPOST_ALERTS, and return the Outcome."""
    environ = {"DATAPOST_ALERTS": address, "DATAPOST_DELIVER_PRIVATE": "on", "DATAPOST_URL": URL} | environ
    settings = Settings.load(environ)
    (receiver,) = settings.alerts
    return kinds.send(settings, receiver, message or several())
