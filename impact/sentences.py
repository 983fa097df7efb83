"""How what does not fit is told: what happened and what it costs, and what to do. Nothing of a person stands in it."""

LONGEST = 80  # characters of what impact.com or a partner named


def sentence(row, program, lead=None):
    """Return what a row of `finding` tells; `lead` says the partner and the program of its lead, where that is told."""
    return TOLD[row.kind][0](Words(row, program, lead or {}))


def advice(row, program):
    return TOLD[row.kind][1](Words(row, program, {}))


def hides_partners(program):
    """Tell whether the field that names a program's partners is sensitive."""
    field = program.spec.fields.get(next(iter(program.spec.partner), ""))
    return bool(field and field.sensitive)


def shown(text):
    """Return a name as one line of characters that are seen, and not too many of them."""
    told = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "?"
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"


class Words:
    """The parts of which the sentences are made."""

    def __init__(self, row, program, lead):
        self.row, self.program, self.of_lead = row, program, lead
        self.lead, self.oid, self.action = shown(row.lead), shown(row.oid), shown(row.action)
        self.name = program.name

    @property
    def money(self):
        """What it is about, such as "10.00 USD"; "an amount that is not known" where nobody said."""
        return self.amount(f"{self.row.amount:.2f}" if self.row.amount is not None else "")

    def amount(self, text):
        return f"{text} {self.row.currency}".strip() if text else "an amount that is not known"

    @property
    def partners(self):
        if hides_partners(self.program):
            return "another partner than the lead says"
        return f"partner {shown(self.row.found)}, and the lead says {shown(self.of_lead.get('partner', ''))}"


def _unknown(words):
    if words.lead != "?":
        other = shown(words.of_lead.get("program", ""))
        whose = f"that is a lead of the program {other}, and not of {words.name}"
    else:
        whose = f"that is no lead here: its order id is {words.oid}" if words.row.oid else "that has no order id"
    return f"impact.com has a conversion {words.action} over {words.money} {whose}."


def _what_made_it(words):
    if not words.row.oid:  # the answer to a rejected lead has no uniqueid
        return (
            "It may be a rejection that impact.com took for valid: have it compare its expressions with "
            f"flask contract {words.name} (--prove tries them)."
        )
    return (
        "Find out in impact.com what made it, and whether campaign and event type are the right ones in "
        f"the rules of {words.name}."
    )


# Of each kind: what happened and what it costs, and what to do.
TOLD = {
    "no_conversion": (
        lambda words: (
            f"Lead {words.lead} was answered valid, {words.money}, and impact.com has no conversion of it: "
            "the partner is not paid for it."
        ),
        lambda words: (
            "Look at the partner's tracking and at what impact.com made of the answer. If it is to be paid, "
            "tell impact.com by its own page or a file: Datapost never posts a conversion."
        ),
    ),
    "unknown_here": (
        _unknown,
        lambda words: _what_made_it(words) + " Reverse it there before it locks, if it is not to be paid.",
    ),
    "rejected_here": (
        lambda words: (
            f"Lead {words.lead} was rejected here, and impact.com made conversion {words.action} of it over "
            f"{words.money}: an expression at impact.com is wrong, and every rejected lead may cost as much."
        ),
        lambda words: (
            f"Have impact.com compare its expressions with flask contract {words.name} (--prove tries them), "
            "and reverse the conversion in impact.com before it locks."
        ),
    ),
    "amount_differs": (
        lambda words: (
            f"Lead {words.lead} was answered {words.amount(words.row.expected)}, and impact.com has "
            f"{words.amount(words.row.found)} for it (conversion {words.action})."
        ),
        lambda words: (
            "See where impact.com takes the amount from: by the expression of sale_amount, or from the partner's terms."
        ),
    ),
    "twice": (
        lambda words: (
            f"Order id {words.oid} stands in more than one conversion: {words.action} over {words.money} is "
            f"beside {shown(words.row.found)}, so that the lead is paid twice."
        ),
        lambda words: (
            f"Reverse conversion {words.action} in impact.com before it locks, and ask impact.com why it took "
            "an order id twice."
        ),
    ),
    "reversed_elsewhere": (
        lambda words: (
            f"Conversion {words.action} of lead {words.lead}, {words.money}, is reversed at impact.com, and "
            "not by Datapost: the partner is not paid for it."
        ),
        lambda words: "Find out who reversed it in impact.com, and why: the partner will ask.",
    ),
    "reversal_ignored": (
        lambda words: (
            f"Lead {words.lead} was reversed from here more than 24 hours ago, and conversion {words.action} "
            f"over {words.money} is still {shown(words.row.found)} at impact.com: it will be paid."
        ),
        lambda words: "Look at the conversion in impact.com, and reverse it there before its locking date.",
    ),
    "partner_differs": (
        lambda words: f"Conversion {words.action} of lead {words.lead}, {words.money}, is paid to {words.partners}.",
        lambda words: "See how impact.com passes on the partner's id, and who is to be paid.",
    ),
}
