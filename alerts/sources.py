"""All that is looked at for what an owner must know: each source is a row here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import database
from alerts import conversions, destinations, house, programs, shares, telling
from judge.rulebook import Book
from web.service import rulebook, service

GRAVE_KEPT = 60  # seconds

# What is told, by the kinds of Concerns: docs/operations.md says of each what it means, and what to do.
KINDS = (
    "rules_broken",
    "file_changed",
    "store_failed",
    "disk_full",
    "disk_fleeting",
    "login_guesses",
    "silence",
    "share_fell",
    "share_rose",
    "field_vanished",
    "many_tests",
    "cap_near",
    "cap_reached",
    "campaign_ends",
    "delivery_paused",
    "delivery_unset",
    "delivery_waits",
    "delivery_dead",
    "impact_differs",
    "impact_unasked",
    "reversals_due",
    "reversals_failed",
    "alert_unsent",
)


@dataclass(frozen=True)
class Scope:
    """What is looked at: some `programs`, by name, of a `book`, at a time.

    `may_see(name)` tells whether a program of this name is to be told of; `whole` that there are no others.
    """

    programs: dict
    book: Book
    now: datetime
    may_see: Callable = lambda name: True

    @property
    def whole(self):
        return all(map(self.may_see, self.book.programs))


# Each yields Concerns about one program.
OF_A_PROGRAM = (
    programs.silence,
    programs.of_fields,
    shares.of_shares,
    programs.of_tests,
    programs.of_limits,
    programs.of_dates,
)


def of_program(program, now):
    """Return the Concerns about one program. Within a reading."""
    return [concern for source in OF_A_PROGRAM for concern in source(program, now)]


# Each yields Concerns about what is in a Scope, and those of a program about each of its programs.
SOURCES = (
    house.of_outages,
    house.of_disk,
    house.of_full_disk,
    house.of_guesses,
    house.of_broken_files,
    house.of_changed_files,
    OF_A_PROGRAM,
    destinations.of_destinations,
    conversions.of_differences,
    conversions.of_silence,
    conversions.of_locks,
    conversions.of_failures,
    telling.of_unsent,
)


def asked(scope):
    """Yield each source with what it is asked about, each program by itself: a fault with one hides no other."""
    for source in SOURCES:
        if source is OF_A_PROGRAM:
            yield from ((one, program, scope.now) for program in scope.programs.values() for one in OF_A_PROGRAM)
        else:
            yield source, scope


def standing(scope):
    """Return the Concerns about a Scope, the grave ones first. Within a reading."""
    found = [concern for source, *about in asked(scope) for concern in source(*about)]
    return sorted(found, key=lambda concern: not concern.grave)


def everything():
    """Return the Scope of all that there is."""
    book = rulebook()
    return Scope(book.programs, book, datetime.now(UTC))


def count_grave():
    """Return how many grave Concerns there are. Who asks needs no login, so they are looked for once a minute."""
    at, count = service().grave
    if monotonic() - at > GRAVE_KEPT:
        with database.read():
            count = sum(concern.grave and not concern.past for concern in standing(everything()))
        service().grave = monotonic(), count
    return count
