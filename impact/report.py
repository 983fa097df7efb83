"""The report of actions that impact.com exports as CSV, read without guessing, for who has no account at its API.

Which column is which is asked once and kept for a program: impact.com lets its users choose columns and their names.
"""

import csv
import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from impact.answers import LONGEST, storable
from impact.conversions import STAND_IN
from impact.reportvalues import AmbiguousDates, DateForm, ReportError, clock_of, money, state
from impact.told import Seen

# What is read, by the names under which the columns of a report are likely to stand, in small letters without others.
NAMES = {
    "oid": ("oid", "orderid", "oidorderid", "order", "orderidoid", "ordernumber", "uniqueid"),
    "event_at": ("eventdate", "actiondate", "date", "conversiondate", "transactiondate", "eventat", "eventtime"),
    "id": ("actionid", "id", "conversionid", "actionsid"),
    "state": ("state", "status", "actionstatus", "actionstate"),
    "amount": ("amount", "saleamount", "revenue", "sale", "actionamount", "orderamount"),
    "payout": ("payout", "actioncost", "earnings", "partnerpayout"),
    "cost": ("clientcost", "totalcost", "cost"),
    "currency": ("currency", "currencycode", "payoutcurrency"),
    "media_partner": ("mediapartnerid", "partnerid", "mediaid", "irpid"),
    "locking_at": ("lockingdate", "lockdate", "lockedon", "lockingat"),
    "campaign": ("campaignid", "programid"),
    "event_type": ("actiontrackerid", "eventtypeid", "trackerid"),
}
NEEDED = ("oid", "event_at")
SAID = {
    "oid": "the order id (the lead's id)",
    "event_at": "the day of the action",
    "id": "the action's id",
    "state": "its state (pending, approved, reversed)",
    "amount": "the amount that was answered",
    "payout": "what the partner gets",
    "cost": "payout and fees",
    "currency": "the currency",
    "media_partner": "the partner's id at impact.com",
    "locking_at": "its locking date",
    "campaign": "the campaign's id",
    "event_type": "the event type's id",
}
MOST = 100 * 1024 * 1024  # bytes


@dataclass(frozen=True)
class Report:
    """The actions of a report, as Seen, which covers the time from `since` until `until`, the end of its last day."""

    seen: list
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Table:
    """The lines of a file: the names of its columns, and rows with the number of their line."""

    columns: list
    rows: list


def read_table(body):
    """Return the Table of a file, whatever stands between its columns. Raises ReportError."""
    if len(body) > MOST:
        raise ReportError("the file is larger than 100 MB: export fewer months")
    text = _decoded(body)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ReportError("the file is empty")
    between = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ReportError(f"line {reader.line_num} cannot be read as CSV: {error}") from None
    lines = [(number, row) for number, row in lines if any(row)]
    columns = lines[0][1]
    for number, row in lines[1:]:
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise ReportError(f"line {number} has {len(row)} columns, and the first line {len(columns)}")
    return Table(columns, lines[1:])


def _decoded(body):
    try:
        is_wide = body.startswith((b"\xff\xfe", b"\xfe\xff"))
        return body.decode("utf-16" if is_wide else "utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace").replace("\0", "")


# --- Which column is which ---


def plain(name):
    return re.sub("[^a-z0-9]", "", name.lower())


def guess(columns):
    """Return `{what: column}` of what the names of the columns tell."""
    by_name = {}
    for column in columns:
        by_name.setdefault(plain(column), column)
    found = {what: next((by_name[name] for name in names if name in by_name), None) for what, names in NAMES.items()}
    return {what: column for what, column in found.items() if column}


def find_column(columns, name):
    """Return the column of this name, whatever its case and blanks, or None."""
    return next((column for column in columns if plain(column) == plain(name)), None)


def missing(mapping):
    return [what for what in NEEDED if what not in mapping]


def fits(mapping, columns):
    """Tell whether a mapping that was kept is one of these columns."""
    return not missing(mapping) and all(column in columns for column in mapping.values())


# --- Its rows ---


def read(table, mapping, program, dates=None, now=None):
    """Return the Report that the rows are of a program. Raises ReportError, with the line where something is wrong.

    `dates` says how they are written, "MM/DD/YYYY" or "DD/MM/YYYY", where the file does not tell by itself.
    """
    at = {what: table.columns.index(column) for what, column in mapping.items()}
    cells = [{what: storable(row[n]) if n < len(row) else "" for what, n in at.items()} for _, row in table.rows]
    if cells and _is_sums(cells[-1]):
        cells.pop()
    numbers = [number for number, _ in table.rows[: len(cells)]]
    if not cells:
        raise ReportError("the file has no actions: it does not say which days it is of, so nothing is judged by it")
    form = _form_of_dates(cells, dates)
    zone, seen, made = program.spec.timezone, [], {}
    first = last = None
    for number, row in zip(numbers, cells, strict=True):
        try:
            one = _seen(row, form, zone, program, made)
        except ReportError as error:
            raise ReportError(f"line {number}: {error}") from None
        first, last = min(first or one.event_at, one.event_at), max(last or one.event_at, one.event_at)
        if (one.campaign, one.event_type) == (program.spec.impact.campaign, program.spec.impact.event_type):
            seen.append(one)
    since, until = _day(first, zone), _day(last, zone, 1)
    return Report(seen, since, min(until, now) if now else until)


def _is_sums(row):
    """Tell whether a row is none of an action, as the last one may be: all that names one has digits."""
    return not re.search("[0-9]", row["event_at"] + row["oid"] + row.get("id", ""))


def _form_of_dates(cells, dates):
    texts = [row[what] for row in cells for what in ("event_at", "locking_at") if row.get(what)]
    try:
        return DateForm.of(texts, dates)
    except AmbiguousDates as error:
        raise ReportError(str(error)) from None


def _seen(row, form, zone, program, made):
    if not row["event_at"]:
        raise ReportError("it has no day: only whole rows of actions are read, so leave out sums")
    oid, asked = row["oid"], program.spec.impact
    id = row.get("id") or _stand_in(oid, made)
    if len(id) > LONGEST:
        raise ReportError(f"its order id is longer than {LONGEST - 10} characters: is it the right column?")
    return Seen(
        id=id,
        oid=oid,
        campaign=row.get("campaign") or asked.campaign,
        event_type=row.get("event_type") or asked.event_type,
        state=state(row.get("state", "")),
        **{what: money(row.get(what, "")) for what in ("amount", "payout", "cost")},
        currency=_currency(row),
        media_partner=row.get("media_partner", ""),
        media_partner_name="",
        event_at=clock_of(form.read(row["event_at"]), zone),
        locking_at=clock_of(form.read(row["locking_at"]), zone) if row.get("locking_at") else None,
    )


def _currency(row):
    """Return the currency that a row names, or the one that stands beside its amount."""
    text = row.get("currency", "").upper()
    found = re.search("[A-Z]{3}", row.get("amount", ""))
    return text or (found[0] if found else "")


def _stand_in(oid, made):
    """Return what stands in for the id that a report does not tell, another one for each row of an order id."""
    made[oid] = made.get(oid, 0) + 1
    return f"{STAND_IN}{oid}" if made[oid] == 1 else f"{STAND_IN}{oid}:{made[oid]}"


def _day(moment, zone, more=0):
    """Return when the day of a moment begins, or one so many days later."""
    day = moment.astimezone(zone).date() + timedelta(days=more)
    return datetime(day.year, day.month, day.day, tzinfo=zone)
