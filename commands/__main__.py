"""`./datapost …`: the commands of Datapost and Flask, from any folder and without activating an environment."""

import os
import sys
from pathlib import Path

import click
from dotenv import load_dotenv
from flask.cli import FlaskGroup

from web.settings import version

ROOT = Path(__file__).parents[1]

cli = FlaskGroup(
    name="datapost",
    help="Datapost takes leads from impact.com, judges them by rules, and answers.",
    add_version_option=False,
    params=[],
)
cli = click.version_option(version(), prog_name="Datapost", message="%(prog)s %(version)s")(cli)


def main():
    os.environ |= {"FLASK_APP": str(ROOT / "app.py"), "FLASK_SKIP_DOTENV": "1"}
    try:
        load_dotenv(ROOT / ".env")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        sys.exit(f"{ROOT / '.env'} cannot be read ({why}): mend it, or make another by make run")
    if Path.cwd() != ROOT:  # what stands in the settings is meant as seen from Datapost's folder
        os.environ["DATAPOST_RULES"] = os.path.join(ROOT, os.environ.get("DATAPOST_RULES") or "rules")
        url = os.environ.get("DATABASE_URL") or "sqlite:///datapost.db"
        if url.startswith("sqlite:///"):
            os.environ["DATABASE_URL"] = f"sqlite:///{os.path.join(ROOT, url.removeprefix('sqlite:///'))}"
    cli.main(prog_name="datapost")


if __name__ == "__main__":
    main()
