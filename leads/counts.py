"""Leads counted by what came of them, by partner and sub-partner, and kept to so many names."""

import json

import peewee
from peewee import fn

from database import db
from models import OBSERVED, Lead

MOST_PARTNERS = 200  # of a day: who has a larger share of its leads is counted by name; and as many sub-partners
OTHERS = "…"  # the rest, together

# What a lead is counted as. Of reasons and rules there is one of each code: "reason:adult".
VALID, REFUSED, TEST, VALID_TEST, REASON = "valid", "refused", "test", "valid test", "reason:"
OUTWEIGHED = "outweighed"  # and how many leads of a partner others have made up for: see `shorten`


class Counts:
    """Leads counted: `{partner: {what: [leads, hundredths of the currency]}}`.

    The money of what is valid was paid, that of what is refused, by whatever reason, was not. Tests are
    counted apart: all of them without money, and the valid ones with it.

    `subpartners` are `{partner: {subpartner: {what: …}}}`, a part of what their partner has; None: they are not
    counted. A lead that names no partner is counted under none.
    """

    def __init__(self, found=None, subpartners=None):
        self.found, self.subpartners = found or {}, subpartners

    def add(self, partner, what, count, cents, subpartner=""):
        _add_cell(self.found.setdefault(partner, {}), what, count, cents)
        if subpartner and partner not in ("", OTHERS):
            _add_cell(self.subpartners.setdefault(partner, {}).setdefault(subpartner, {}), what, count, cents)

    def add_leads(self, leads):
        """Add the leads of a query."""
        for partner, valid, test, reasons, observed, *sub, count, paid, unpaid in _grouped(leads, self._by()):
            cents = int(paid or 0) if valid else int(unpaid or 0)
            if test:
                self.add(partner, TEST, count, 0, *sub)
                if valid:
                    self.add(partner, VALID_TEST, count, cents, *sub)
                continue
            self.add(partner, VALID if valid else REFUSED, count, cents, *sub)
            for code in json.loads(reasons):
                self.add(partner, REASON + code, count, cents, *sub)
            for rule in json.loads(observed):
                self.add(partner, OBSERVED + rule, count, cents if valid else 0, *sub)
        self.shorten()

    def _by(self):
        return [] if self.subpartners is None else [Lead.subpartner]

    def shorten(self):
        """Count partners with few leads among the others, and sub-partners with few under their partner alone."""
        for name in _smallest({name: cells for name, cells in self.found.items() if name != OTHERS}):
            self.fold(name)
        pairs = ((partner, name) for partner, named in (self.subpartners or {}).items() for name in named)
        for pair in _smallest({(partner, name): self.subpartners[partner][name] for partner, name in pairs}):
            self.drop(*pair)

    def fold(self, partner):
        """Count a partner among the others, and its sub-partners no more: what they have is a part of what it has."""
        for what, (count, cents) in self.found.pop(partner, {}).items():
            if what != OUTWEIGHED:
                self.add(OTHERS, what, count, cents)
        if self.subpartners:
            self.subpartners.pop(partner, None)

    def drop(self, partner, subpartner):
        """Count the leads of a sub-partner under its partner alone."""
        named = self.subpartners.get(partner, {})
        named.pop(subpartner, None)
        if not named:
            self.subpartners.pop(partner, None)

    def of_partner(self, partner):
        """Return the Counts of one partner alone."""
        cells = self.found.get(partner)
        return Counts({partner: cells} if cells else {})

    def of_subpartner(self, partner, subpartner):
        """Return the Counts of one sub-partner alone."""
        cells = self.subpartners.get(partner, {}).get(subpartner)
        return Counts({subpartner: cells} if cells else {})

    def of_subpartners(self, partner):
        """Return as Counts what each sub-partner of a partner has, and as "" the rest: of none, or with few leads."""
        named = self.subpartners.get(partner, {})
        rest = {what: [*cell] for what, cell in self.found.get(partner, {}).items() if what != OUTWEIGHED}
        for _, what, count, cents in Counts(named).items():
            _add_cell(rest, what, -count, -cents)
        rest = {what: cell for what, cell in rest.items() if cell[0] > 0}
        return Counts(named | ({"": rest} if rest else {}))

    def items(self):
        for partner, cells in self.found.items():
            for what, (count, cents) in cells.items():
                if what != OUTWEIGHED:
                    yield partner, what, count, cents


def _add_cell(cells, what, count, cents):
    cell = cells.setdefault(what, [0, 0])
    cell[0] += count
    cell[1] += cents


def _smallest(named):
    """Return whose leads are too few to be counted by name, where twice as many are by name as should be.

    Those with the most leads stay, and those that would come off best if the leads of so many of them were
    struck off against each other: so whoever has more than one in MOST_PARTNERS of all leads is by name,
    however many names are made up before or after. (Misra and Gries, Finding repeated elements, 1982.)
    """
    if len(named) <= 2 * MOST_PARTNERS:
        return []

    def count(cells, *kinds):
        return sum(cells[what][0] for what in kinds if what in cells)

    leads = {name: count(cells, VALID, REFUSED, TEST) for name, cells in named.items()}
    left = {name: leads[name] - count(cells, OUTWEIGHED) for name, cells in named.items()}
    largest, best = (sorted(named, key=by.get, reverse=True) for by in (leads, left))
    struck_off = left[best[MOST_PARTNERS]]
    kept = {*largest[:MOST_PARTNERS], *best[:MOST_PARTNERS]}
    for name in kept:
        named[name][OUTWEIGHED] = [leads[name] - max(left[name] - struck_off, 0), 0]
    return [name for name in named if name not in kept]


def _grouped(leads, by=()):
    """Yield how many leads there are of each kind, and their money in hundredths."""
    groups = (Lead.partner, Lead.valid, Lead.test, Lead.reasons, Lead.observed, *by)
    query = leads.select(*groups, fn.COUNT(Lead.id), _cents("sale_amount"), _cents("worth"))
    return db.execute(query.group_by(*groups))


def _cents(column):
    return peewee.SQL(f"SUM(CAST(ROUND({column} * 100) AS BIGINT))")
