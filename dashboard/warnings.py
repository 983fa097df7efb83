"""What an owner must know in the morning: what is broken, silent, missing or nearly used up."""

import os
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import url_for

from dashboard import unusual
from web import pages

NEARLY = 0.8  # of a limit
GROUPS_NAMED = 3  # of a limit that many have reached
FLEETING = {"tmpfs", "ramfs", "overlay", "aufs"}  # file systems that a restart empties
MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Concern:
    """Something to look at: in one sentence, what to do about it, and where. `grave` costs leads or money now."""

    sentence: str
    advice: str
    grave: bool = False
    href: str = ""
    link: str = ""


def standing(book, settings, programs, now):
    """Return the Concerns about some programs, the grave ones first. Needs the database."""
    found = [*_disk(settings.database_url), *_broken_files(book, programs)]
    for program in programs.values():
        found += [*_silence(program, now), *_fields(program, now)]
        found += [*_tests(program, now), *_limits(program, now)]
    return sorted(found, key=lambda warning: not warning.grave)


# --- Where the leads are ---


def _disk(database_url, environ=os.environ):
    if database_url.startswith("sqlite:"):
        kind = file_system(Path(database_url.removeprefix("sqlite:///")).resolve())
        if environ.get("DYNO") or kind in FLEETING:
            where = "this platform" if environ.get("DYNO") else f"this disk ({kind})"
            yield Concern(
                f"The leads are in a SQLite file, and {where} does not last: a restart may lose them all.",
                "Add a PostgreSQL database (docs/operations.md says how under Deploy), or a disk that lasts.",
                grave=True,
            )


def file_system(path, mounts=None):
    """Return the kind of the file system that a file is on, or "" where that is not to be known."""
    try:
        lines = (mounts if mounts is not None else MOUNTS.read_text()).splitlines()
    except OSError:  # not Linux
        return ""
    kinds = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")  # a space is \040
        kinds[point] = after.split()[0]
    return next((kinds[str(folder)] for folder in [path, *path.parents] if str(folder) in kinds), "")


# --- Rules ---


def _broken_files(book, programs):
    broken = Counter(error.path for error in book.errors)
    for path, mistakes in broken.items():
        name = Path(path).stem
        used = name in programs
        if pages.may_see(name):
            yield Concern(
                f"{path} is broken: {mistakes} {'mistake' if mistakes == 1 else 'mistakes'}.",
                "Leads are judged by its last good version until it is mended."
                if used
                else "Until it is mended, its leads are not taken.",
                grave=True,
                href=url_for("programs.show_program", name=name) if Path(path).suffix else "",
                link="See the mistakes",
            )


# --- The flow of leads ---


def _silence(program, now):
    seen = unusual.arrivals(program, now)
    if seen.unusual:
        usual = f"usually one comes every {duration(seen.gap)} at this time" if seen.gap else "usually more come"
        yield Concern(
            f"{title(program)}: no lead has come for {duration(seen.silence)}; {usual}.",
            "Ask the partners, and look at impact.com whether the program runs and its address and password are right.",
            grave=True,
        )


def _fields(program, now):
    for use in unusual.field_use(program, now):
        if use.vanished:
            label = program.fields[use.field].label
            names = unusual.new_names(program, use.partner, now)
            called = f" Perhaps it is called {' or '.join(names[:3])} now: then add that to its aliases."
            yield Concern(
                f"{title(program)}: {use.partner or 'somebody who names no partner'} does not send {label} any more: "
                f"none of the last {use.leads} leads has it; before, {use.share_before:.0%} had it.",
                f"Ask the partner.{called if names else ''}",
                href=url_for("leads.list_leads", partner=use.partner, program=program.name) if use.partner else "",
                link="See the leads",
            )


def _tests(program, now):
    many, totals = unusual.testers(program, now)
    for figure in many:
        who = figure.partner or "somebody who names no partner"
        yield _of_tests(program, who, figure, partner=figure.partner)
    if not many and totals.valid_tests >= unusual.MANY_TESTS:  # a name may be made up for each
        yield _of_tests(program, "several partners together", totals)


def _of_tests(program, who, figure, **filters):
    return Concern(
        f"{title(program)}: {who} sent {figure.valid_tests:,} test leads since yesterday that were answered valid, "
        f"worth {figure.test_amount:,}.",
        "impact.com pays for tests too. Reverse them there, and ask the partner what they are for. If nobody needs "
        "tests any more, take test_flag out of the rule file: such leads are judged as real ones then.",
        grave=figure.test_amount > 0,
        href=url_for("leads.list_leads", **filters, program=program.name, test="yes", valid="yes"),
        link="See the tests",
    )


def _limits(program, now):
    near = {}
    for limit in unusual.limits(program, now):
        if limit.mode == "enforce" and limit.limit and limit.used >= NEARLY * float(limit.limit):
            near.setdefault(limit.rule, []).append(limit)
    for rule, groups in near.items():
        for limit in groups[:GROUPS_NAMED]:
            reached = limit.used >= limit.limit
            unit = "leads" if limit.kind == "limit" else "to pay"
            yield Concern(
                f"{title(program)}: the {limit.kind} “{rule}” is {'reached' if reached else 'nearly reached'}"
                f"{_group(program, limit)}: {limit.used:,} of {limit.limit:,} {unit} this {limit.per}.",
                f"Further leads are refused until the {limit.per} is over." if reached else "Then leads are refused.",
                grave=reached,
                href=url_for("programs.show_program", name=program.name),
                link="See the rule",
            )
        if len(groups) > GROUPS_NAMED:
            others = len(groups) - GROUPS_NAMED
            yield Concern(f"{title(program)}: “{rule}” is so far for {others} more.", "Each has a limit of its own.")


def _group(program, limit):
    """Name whose limit it is."""
    by = next(rule.by for rule in program.spec.rules if rule.id == limit.rule) or []
    values = [
        "***" if program.spec.fields[name].sensitive else value for name, value in zip(by, limit.group, strict=True)
    ]
    return f" for {', '.join(value or '(nothing sent)' for value in values)}" if by else ""


def title(program):
    return program.spec.title or program.name


def duration(span):
    """Return a span in the largest unit of which there are two, or minutes."""
    minutes = span.total_seconds() / 60
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes / size:.0f} {unit}"
    if span < timedelta(minutes=1.5):
        return "minute" if span > timedelta(seconds=30) else "few seconds"
    return f"{minutes:.0f} minutes"
