"""Which values of a lead are masked: those of the fields that a rule file calls sensitive."""

import models
from rulefile import RuleFileError, read


class _Everything:
    def __contains__(self, _name):
        return True


EVERYTHING = _Everything()


def hidden_fields(programs):
    """Return the function from a lead to the names of the fields to mask.

    They are those that the rules of that day or of today (`programs`) call sensitive; where those of
    that day cannot be read any more, EVERYTHING. It needs the store only for rules it has not met before.
    """
    then = {}

    def hidden(lead):
        if lead.rules not in then:
            then[lead.rules] = _sensitive_then(lead.rules, lead.program)
        if then[lead.rules] is EVERYTHING:
            return EVERYTHING
        return then[lead.rules] | (sensitive(programs[lead.program].spec) if lead.program in programs else set())

    return hidden


def _sensitive_then(rules, program):
    text = models.RuleText.get_or_none(hash=rules)
    try:
        return sensitive(read(text.text, program)[0]) if text else EVERYTHING
    except RuleFileError:  # a text of an earlier version
        return EVERYTHING


def sensitive(spec):
    return {name for name, field in spec.fields.items() if field.sensitive}
