"""How long the operators' pages take over many leads: python bench/dashboards.py 1000000.

Run with the product's Python and, as bench/run.py does, its settings: see bench/README.md.
"""

import statistics
import sys
import time

import fill

import database
from app import create_app
from leads import daily
from web.settings import Settings, User

PAGES = [
    "?days=1",
    "",
    "?days=30",
    "?days=90",
    "?days=month",
    "/partner?partner=1",
    "/leads",
    "/leads?valid=no",
    "/leads?reason=adult",
]
ROUNDS = 15


def pages(path):
    """Yield each page, the status of its answer, and the seconds of its rounds."""
    settings, operator = Settings.load(), User("owner", "owner")
    app = create_app(Settings(f"sqlite:///{path}", operators=(operator,), secret=settings.secret, rules=settings.rules))
    programs = list(app.extensions["datapost"].rulebook.programs.values())
    while database.transact(lambda: daily.roll_up(programs)):  # the service does so by and by
        pass
    client = app.test_client()
    for page in PAGES:
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            status = client.get(f"/dashboard{page}", auth=("owner", "owner")).status_code
            seconds.append(time.perf_counter() - started)
        yield page, status, seconds
    database.disconnect()


def main(count):
    for page, status, seconds in pages(fill.main(count)):
        middle, most = statistics.median(seconds) * 1000, max(seconds) * 1000
        print(f"{status} {middle:6.1f} ms, at most {most:6.1f} ms  /dashboard{page}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
