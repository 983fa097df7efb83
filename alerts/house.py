"""What an owner must know of the house itself: its store and disk, who guesses at logins, and its rule files."""

from collections import Counter
from pathlib import Path

from alerts.concern import Concern
from database.disk import LEAST_FREE, fleeting, free
from leads.deployed import changed_files, list_name, programs_naming
from leads.search import zone
from web.login import COUNTED, FAILURES_AT_A_NAME, FAILURES_OF_AN_ADDRESS, guesses
from web.outage import outages
from web.published import LIST
from web.service import service

OUTAGES_TOLD = 5  # the newest

# Of the limits of web.login. Who is refused at one sends no more that is counted, so that a guess which goes on
# stays below it now and then; and nobody who mistypes a password does so fifteen times in five minutes.
MANY_GUESSES = 0.75


def of_outages(scope):
    """Tell of when the store could not be used in the last day, each time by itself. It is back, or nobody told."""
    clock = zone(list(scope.programs.values()))
    for one in outages(scope.now)[:OUTAGES_TOLD]:
        first, last = one.first.astimezone(clock), one.last.astimezone(clock)
        same_minute, same_day = f"{first:%F %H:%M}" == f"{last:%F %H:%M}", first.date() == last.date()
        until = "" if same_minute else f" to {last:%H:%M}" if same_day else f" to {last:%d %b %Y, %H:%M}"
        when = f"{'at' if same_minute else 'from'} {first:%d %b %Y, %H:%M}{until} {last:%Z}"
        yield Concern(
            "store_failed",
            "",
            f"{one.first:%Y-%m-%dT%H:%MZ}",
            f"The database could not be used {when}: {_times(one.leads)} lead was answered 503.",
            "The log says why. Ask impact.com what it sent in that time and does not send again by itself."
            if one.leads
            else "The log says why.",
            grave=bool(one.leads),
            past=True,
        )


def _times(count):
    return "no" if not count else "once a" if count == 1 else f"{count:,} times a"


def of_guesses(scope):
    """Tell of wrong logins that come faster than anybody mistypes."""
    seen = guesses(scope.now) if scope.whole else None
    if seen and (
        seen.of_address >= MANY_GUESSES * FAILURES_OF_AN_ADDRESS or seen.failures >= MANY_GUESSES * FAILURES_AT_A_NAME
    ):
        count = f"{seen.failures:,}{' or more' if seen.failures == COUNTED else ''}"
        yield Concern(
            "login_guesses",
            "",
            "",
            f"{count} logins failed in the last five minutes, "
            f"from {_number(seen.addresses, 'IP address', 'IP addresses')} "
            f"and with {_number(seen.names, 'user name')}.",
            "Either a sender has a wrong password, and all its leads are refused: ask whose was changed. Or somebody "
            "guesses: the log names these addresses, and DATAPOST_ALLOWED_IPS keeps others from posting.",
            grave=True,
        )


def _number(count, one, many=""):
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _sqlite_file():
    """Return the path of the SQLite file, or ""."""
    database_url = service().settings.database_url
    return database_url.removeprefix("sqlite:///") if database_url.startswith("sqlite:") else ""


def of_full_disk(_scope):
    """Tell of a disk that fills. PostgreSQL's is looked after where it runs."""
    if _sqlite_file() and (left := free(_sqlite_file())) < LEAST_FREE:
        yield Concern(
            "disk_full",
            "",
            "",
            f"Only {left / 1e6:,.0f} MB are free on the disk that the leads are on.",
            "Without room no lead is stored. Make room, or give it a larger disk.",
            grave=True,
        )


def of_disk(_scope):
    """Tell of a disk that does not last."""
    if _sqlite_file() and (where := fleeting(_sqlite_file())):
        yield Concern(
            "disk_fleeting",
            "",
            "",
            f"The leads are in a SQLite file, and {where} does not last: a restart may lose them all.",
            "Add a PostgreSQL database (docs/operations.md says how under Deploy), or a disk that lasts.",
            grave=True,
        )


def _shown(book, path):
    """Return a path within the rules folder: wherever a command is run, a file is the same thing."""
    within = list_name(book.folder, path)
    return Path(path).name if within == "." else within


def of_broken_files(scope):
    for path, mistakes in Counter(error.path for error in scope.book.errors).items():
        name, is_program, shown = Path(path).stem, bool(Path(path).suffix), _shown(scope.book, path)
        if scope.may_see(name):
            yield Concern(
                "rules_broken",
                name if is_program else "",
                shown,
                f"{shown} is broken: {mistakes} {'mistake' if mistakes == 1 else 'mistakes'}.",
                "Leads are judged by its last good version until it is mended."
                if name in scope.programs
                else "A service that began before goes on by its last good version; else its leads are not taken "
                "until it is mended.",
                grave=True,
                endpoint="programs.show_program" if is_program else "",
                values={"name": name} if is_program else {},
                link="See the mistakes",
            )


def of_changed_files(scope):
    """Tell of files that changed in a deploy, where the database is the home of the rules."""
    book = scope.book
    for file in changed_files(book.folder, book) if service().settings.published and book.known else ():
        is_list = file.thing == LIST
        if all(map(scope.may_see, programs_naming(book, file.name) if is_list else [file.name])):
            shown = _shown(book, file.path)
            yield Concern(
                "file_changed",
                "" if is_list else file.name,
                shown,
                f"A deploy brought another {shown} than was known when the live version was made.",
                "The live text stays until somebody chooses.",
                endpoint="history.choose_file",
                values={"list" if is_list else "name": file.name},
                link="See the difference, and choose",
            )
