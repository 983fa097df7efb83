"""gunicorn reads this by itself: `gunicorn` alone starts the service."""

import os
import sys

from dotenv import load_dotenv

from ruleset import RuleBook
from settings import Settings, SettingsError

load_dotenv(".env")  # as `flask run` does; what is set in the environment wins

wsgi_app = "app:app"
bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
worker_class = "gthread"
threads = 8
# Two services of one user would fight for the one control socket.
control_socket_disable = True


def on_starting(_server):
    """Refuse to start, in the master: a worker that exits would be started again for ever."""
    try:
        settings = Settings.load()
        problems = settings.refusals() + RuleBook(settings.rules).errors
    except SettingsError as error:
        problems = [str(error)]
    if problems:
        print("Datapost does not start:", *problems, sep="\n  ", file=sys.stderr)
        sys.exit(1)
