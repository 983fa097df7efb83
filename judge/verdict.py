"""What a program says of a lead: reasons, claims for the store to decide, and the trace."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from judge.values import clean

NOTE_LENGTH = 500
VALID_NOTE = "Lead submitted successfully"
OBSERVED = "observed: it would be refused"


@dataclass(frozen=True)
class Reason:
    """Why a lead is refused: a stable code for programs, a sentence for people."""

    code: str
    note: str


RETRY_MISMATCH = Reason("retry.mismatch", "This request repeats the key of an earlier one with other content")
TEST_LIMIT = Reason("test.limit", "No more test leads are taken today")
NOT_STARTED = Reason("program.not_started", "This campaign has not started yet")
ENDED = Reason("program.ended", "This campaign has ended")


def reasons_of_program(spec):
    """Return the reasons that neither a field nor a rule gives, of those that this RuleFile can give."""
    given = {TEST_LIMIT: spec.has_tests, NOT_STARTED: spec.starts, ENDED: spec.ends}
    return [reason for reason, key in given.items() if key]


@dataclass(frozen=True)
class Claim:
    """A place that a valid lead needs and the store gives out.

    Without a `limit`, a lead may have the place `key` if no other took it for the time `within` (None:
    for ever); the place is remembered for the time `kept`, since other rules may ask for it too. It may stand
    under the keys `before`, where its field had another name. With a `limit`, the leads at `key` may use up
    that many units together; `until` then the period is over. A claim that is only `asked` takes nothing.
    `reason` is why a lead that does not get the place is refused; one that is only observed is not refused.
    """

    rule: str
    key: tuple
    reason: Reason
    within: timedelta | None = None
    kept: timedelta | None = None
    before: tuple[tuple, ...] = ()
    limit: int | None = None
    units: int = 1
    until: datetime | None = None
    observed: bool = False
    asked: bool = False

    def allows(self, found, now):
        """Tell whether a lead of `now` gets it: `found` is when it was taken last, or how many units are used up."""
        if self.limit is not None:
            return (found or 0) + self.units <= self.limit
        return found is None or (self.within is not None and found <= now - self.within)


def longer(one, other):
    """Return the longer of two times, each of which may be None: for ever."""
    return None if one is None or other is None else max(one, other)


@dataclass
class Verdict:
    """What a program says of a lead.

    `fields` is what to store: declared fields in their normal form, others as they came.
    `values` holds the declared fields that the lead has, as conditions see them.
    `trace` tells the decision step by step, without the lead's data.
    `worth` is the sale amount, whether the lead is valid or not; None if nothing is known.
    `unsure`: its amount may hang on a field that was checked when a stored lead came, and is not stored.
    `unread` names the fields that came and cannot be read, which is recorded and refuses nobody.
    `observed` names the rules that only observe and would have refused the lead.
    `deliver` names the destinations that it goes to if it is valid once its claims are settled, too.
    `customer_before` is what made the customer id before all addresses of a mailbox were one, if there are others.
    """

    program: str
    rules: str
    fields: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    trace: list[dict] = field(default_factory=list)
    sale_amount: Decimal | None = None
    worth: Decimal | None = None
    unsure: bool = False
    unread: tuple[str, ...] = ()
    observed: list[str] = field(default_factory=list)
    deliver: list[str] = field(default_factory=list)
    customer: list[str] = field(default_factory=list)
    customer_before: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    email: str = ""
    phone: str = ""
    partner: str = ""
    subpartner: str = ""
    test: bool = False
    now: datetime | None = None

    @property
    def valid(self):
        return not self.reasons

    @property
    def codes(self):
        """The reason codes, each once: two values of one rule may have been taken."""
        return list(dict.fromkeys(reason.code for reason in self.reasons))

    @property
    def note(self):
        """The answer's note: one line of at most 500 characters, and never what was submitted."""
        if self.valid:
            return VALID_NOTE
        # A rule file may break a sentence; XPath and a regular expression read line breaks differently.
        text = " ".join(clean("; ".join(dict.fromkeys(reason.note for reason in self.reasons))).split())
        return text if len(text) <= NOTE_LENGTH else text[: NOTE_LENGTH - 1] + "…"

    def copy(self):
        """Return a verdict that can be settled while this one stays as it is."""
        lists = {name: [*getattr(self, name)] for name in ("reasons", "claims", "trace", "observed")}
        return replace(self, **lists)

    def anew(self):
        """Return a verdict on the same lead that says nothing yet."""
        return replace(self, reasons=[], claims=[], trace=[], observed=[])

    def refuse(self, reason, check):
        """Add a reason, and say in the trace which check gave it."""
        self.reasons.append(reason)
        self.say(check, f"refused: {reason.code}")

    def mismatch(self):
        """Refuse the lead for its retry key alone: the key was used with other content."""
        self.reasons, self.claims = [], []
        self.refuse(RETRY_MISMATCH, "retry")

    def settle(self, refused):
        """Take the store's answer to the claims: the positions of those that were refused."""
        told = {(self.claims[position].rule, None) for position in refused}
        for position, claim in enumerate(self.claims):
            outcome = claim.rule, claim.reason if position in refused else None
            if outcome in told:  # a rule may have asked for several places
                continue
            told.add(outcome)
            if position not in refused:
                self.say(claim.rule, "passed")
            elif claim.observed:
                self.observe(claim.rule)
            else:
                self.refuse(claim.reason, claim.rule)

    def observe(self, rule):
        """Note that a rule would refuse the lead, if it did more than observe."""
        if rule not in self.observed:
            self.observed.append(rule)
        self.say(rule, OBSERVED)

    def say(self, check, result):
        self.trace.append({"check": check, "result": result})


class Claims:
    """Claims settled in memory, as the store settles them: for examples and backtests."""

    def __init__(self):
        self._taken, self._totals = {}, {}

    def settle(self, verdict):
        """Give the verdict its places, all of them or none."""
        if not verdict.valid:
            return
        claims = verdict.claims
        refused = {n for n, claim in enumerate(claims) if not self._is_free(claim, verdict.now)}
        if all(claims[n].observed for n in refused):
            for n, claim in enumerate(claims):
                if n not in refused and not claim.asked:
                    self._take(claim, verdict.now)
        verdict.settle(refused)

    def _is_free(self, claim, now):
        found = self._totals if claim.limit is not None else self._taken
        return all(claim.allows(found.get(key), now) for key in (claim.key, *claim.before))

    def _take(self, claim, now):
        if claim.limit is not None:
            self._totals[claim.key] = self._totals.get(claim.key, 0) + claim.units
        else:
            self._taken[claim.key] = now
