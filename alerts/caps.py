"""How much of each limit and budget is used up, as operators see it."""

from dataclasses import dataclass
from decimal import Decimal

from database.secret import keyed_hash
from judge.caps import kind_of, quota_key
from judge.values import Refused, folded
from leads.daily import id_at, midnight, money
from models import Lead, Total


@dataclass
class LimitFigure:
    """How much of a limit (leads) or budget (money) is used up in its period by one group of leads."""

    rule: str
    kind: str
    mode: str
    per: str
    group: tuple  # the values of the fields of `by`
    used: int | Decimal
    limit: int | Decimal


MOST_GROUPS = 200
LEADS_LOOKED_AT = 2000


def limits(program, now):
    """Return a LimitFigure for each limit and budget, and for each of its groups that has a cap.

    What is used up is known by a keyed hash of the group, so groups are those of today's leads and, of a table, those
    that it names.
    """
    now, found, groups = now.astimezone(program.spec.timezone), [], {}
    for spec in program.spec.rules:
        kind = kind_of(spec)
        if not kind or spec.mode == "off":
            continue
        by = tuple(spec.by or ())
        if by not in groups:
            groups[by] = _groups(program, by, now)
        caps = program.caps[spec.id]
        known = dict.fromkeys([*((text,) for text in caps.named), *groups[by]])
        capped = [group for group in known if caps.of(group) is not None]
        keys = {keyed_hash(*quota_key(kind, program.name, spec, now, group)): group for group in capped}
        used = {row.key: row.used for row in Total.select().where(Total.key.in_(list(keys)))}
        figures = []
        for key, group in keys.items():
            amount, limit = used.get(key, 0), caps.of(group)
            if kind == "budget":
                amount, limit = money(amount), money(limit)
            figures.append(LimitFigure(spec.id, kind, spec.mode, spec.per, group, amount, limit))
        found += sorted(figures, key=lambda figure: (-figure.used, figure.group))
    return found


def _groups(program, by, now):
    """Return the groups of the fields `by` among today's valid leads, as claims name them."""
    if not by:
        return [()]
    query = Lead.select(Lead.fields).where(Lead.program == program.name, Lead.valid, ~Lead.test)
    query = query.where(Lead.id >= id_at(midnight(program, now.date())), Lead.masked_at.is_null())
    query = query.order_by(Lead.id.desc()).limit(LEADS_LOOKED_AT).tuples()
    groups = dict.fromkeys(tuple(_folded(program, name, found.get(name)) for name in by) for (found,) in query)
    return list(groups)[:MOST_GROUPS]


def _folded(program, name, text):
    """Return the text by which a stored value is compared."""
    if text is None:
        return ""
    try:
        return folded(program.fields[name].value(str(text), any_day=True))
    except Refused:  # recorded with a warning: no value to conditions and claims
        return ""
