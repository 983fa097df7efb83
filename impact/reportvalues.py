"""How days, amounts and states stand in a report of impact.com, which people may have opened in a spreadsheet."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from impact.conversions import LARGEST

MONTH_FIRST, DAY_FIRST = "MM/DD/YYYY", "DD/MM/YYYY"
FORMS = (MONTH_FIRST, DAY_FIRST)
CENT = Decimal("0.01")
_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T,]+(.+))?")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|GMT)?")
_NAMED = ("%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y")
STATES = {
    "": "PENDING",
    "pending": "PENDING",
    "approved": "APPROVED",
    "locked": "APPROVED",
    "paid": "APPROVED",
    "cleared": "APPROVED",
    "reversed": "REVERSED",
}


class ReportError(ValueError):
    """A report cannot be read. The text is a sentence that says why, and what to do."""


class AmbiguousDates(ReportError):
    """Its days may be written in two ways."""


@dataclass(frozen=True)
class DateForm:
    """How the days of a report are written: what comes first in those such as 02/11/2026."""

    day_first: bool = False

    @classmethod
    def of(cls, texts, said=None):
        """Return the form of texts, as is `said` or as any of them decides. Raises AmbiguousDates."""
        if said:
            return cls(said == DAY_FIRST)
        slashed = [match for match in map(_SLASHED.fullmatch, texts) if match]
        day_first = any(int(match[1]) > 12 for match in slashed) or any(match[2] == "." for match in slashed)
        month_first = any(int(match[3]) > 12 for match in slashed)
        if day_first and month_first:
            raise AmbiguousDates(
                "some days are written MM/DD/YYYY and some DD/MM/YYYY: export the report again, and do not save it "
                "from a spreadsheet"
            )
        if slashed and not (day_first or month_first):
            raise AmbiguousDates(
                f"{slashed[0][0]} may be a day of two months, and no other day of the file tells which: say it by "
                f"--dates {MONTH_FIRST} or --dates {DAY_FIRST}"
            )
        return cls(day_first)

    def read(self, text):
        """Return the moment that a text means, without an offset where it names none. Raises ReportError."""
        try:
            if match := _SLASHED.fullmatch(text):
                day, month = (match[1], match[3]) if self.day_first else (match[3], match[1])
                return _with_time(datetime(int(match[4]), int(month), int(day)), match[5])
            if re.match(r"\d{4}-?\d{2}-?\d{2}", text):
                return datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", text))
            return _named(text)
        except ValueError:
            raise ReportError(
                f"its day is written in no way that is known: write days as 2026-11-02, {MONTH_FIRST} or {DAY_FIRST}"
            ) from None


def _with_time(day, text):
    if not text:
        return day
    if not (match := _TIME.fullmatch(text.strip())):
        raise ValueError
    hour, half = int(match[1]), (match[4] or "")[:1].lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (half == "p")
    moment = day.replace(hour=hour, minute=int(match[2]), second=int(match[3] or 0))
    return moment.replace(tzinfo=UTC) if match[5] else moment


def _named(text):
    """Return the moment of a text such as Nov 2, 2026 10:00 AM."""
    match = re.fullmatch(r"([A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2} [A-Za-z]{3,9}\.? \d{4})(?:[ ,]+(.+))?", text)
    if not match:
        raise ValueError
    day = re.sub("[.,]", "", match[1])
    for form in _NAMED:
        try:
            return _with_time(datetime.strptime(day, form), match[2])
        except ValueError:
            continue
    raise ValueError


def clock_of(moment, zone):
    """Return a moment that has no offset as one of a time zone."""
    return moment.replace(tzinfo=moment.tzinfo or zone).astimezone(UTC)


def money(text):
    """Return the Decimal that a text means, such as $1,234.50, (12.00) or 12,50 €; None of an empty one.

    To the cent. A comma with three digits behind it separates thousands. Raises ReportError.
    """
    bare = re.sub(r"[^\d.,()+-]", "", text)
    if not re.search(r"\d", bare) and text.strip(" -—") in ("", "N/A", "n/a"):
        return None
    if not re.search(r"\d", bare) or re.search(r"\d[^\W\d_]+[+-]?\d", text):  # such as 1E5
        raise ReportError("an amount is no number: is it the right column?")
    is_negative = bare.startswith(("(", "-")) or bare.endswith("-")
    digits = bare.strip("()+-")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?|\d+(\.\d*)?|\.\d+", digits):
        digits = digits.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(\.\d{3})+,\d*|\d+,\d{1,2}", digits):
        digits = digits.replace(".", "").replace(",", ".")
    else:
        raise ReportError("an amount is written in no way that is known: write it as 1234.50")
    try:
        found = Decimal(digits).quantize(CENT, ROUND_HALF_UP)
    except InvalidOperation:
        found = None
    if found is None or found >= LARGEST:
        raise ReportError("an amount is larger than any can be: is it the right column?")
    return -found if is_negative else found


def state(text):
    """Return PENDING, APPROVED or REVERSED. Raises ReportError."""
    word = text.strip().lower()
    if word not in STATES:
        raise ReportError("its state is none of pending, approved, locked, paid and reversed: is it the right column?")
    return STATES[word]
