"""Which values of a lead are masked: those of the fields that a rule file calls sensitive, or does not store."""

import unicodedata
from functools import lru_cache

import models
from judge import escapes
from judge.aliases import spellings, telltale
from judge.rulefile import RuleFileError, read
from judge.values import UNSEEN, Names, canonical

MASK = "***"
ERASED, MASKED = "erased", "masked"  # what a trace says of values that are gone: as somebody asked, or by their age


def is_erased(lead):
    """Tell whether a lead was erased, as a person may ask for; else, if values are gone, they are by its age."""
    return lead.masked_at is not None and {"check": "privacy", "result": ERASED} in lead.trace


class _Everything:
    def __contains__(self, _name):
        return True

    stand_in = __contains__

    def hides(self, _name, _value):
        return True


EVERYTHING = _Everything()


class _Nothing:
    def hides(self, _name, _value):
        return False


NOTHING = _Nothing()


class Hidden:
    """The submitted names whose values are masked; it is true where the lead's own program calls a field sensitive.

    `own` are its rules of that day and of today, `others` those of the other programs, which
    count for names that the own ones do not declare.
    """

    def __init__(self, own, others):
        self._own, self._others = [_Secrets(spec) for spec in own], [_Secrets(spec) for spec in others]
        self._is_hidden = lru_cache(4096)(self._look_up)  # the leads of an export have the same names

    def __bool__(self):
        return any(secrets.sensitive for secrets in self._own)

    def __contains__(self, name):
        return self._is_hidden(name)

    def _look_up(self, name):
        is_declared = any(canonical(name) in secrets.meaning for secrets in self._own)
        return any(name in secrets.names for secrets in self._own + ([] if is_declared else self._others))

    def hides(self, name, value):
        """Tell whether the value of a field is masked: by its name, or as a document that holds such a name."""
        if name in self:
            return True
        secrets = self._own + self._others
        if any(canonical(name) in known.meaning for known in self._own):  # it is judged, and its name says what it is
            return False
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        return any(escapes.mentions(known.names.part, text) for text in texts for known in secrets)

    def stand_in(self, text):
        """Tell whether such a name stands in a text that cannot be read as fields, escaped or not."""
        texts = [canonical.__wrapped__(form.replace("+", " ")) for form in forms(text)]  # its cache is for names
        spellings = {spelling for secrets in self._own + self._others for spelling in secrets.spellings}
        return any(spelling in form for form in texts for spelling in spellings)


class _Secrets:
    """What the text of a rule file hides."""

    def __init__(self, spec):
        fields = spec.fields.items()
        names = [(known, name) for name, field in fields for known in (name, *field.aliases)]
        self.meaning = {spelling: name for known, name in names for spelling in spellings(known)}
        self.sensitive = {name for name, field in fields if field.sensitive}
        hidden = self.sensitive | {name for name, field in fields if not field.store}  # leads of earlier rules have it
        self.spellings = {telltale(known) for known, name in names if name in hidden}
        self.names = Names(self.meaning, hidden)


def hidden_fields(programs, changed=()):
    """Return the function from a lead to the Hidden names of its fields.

    They are those that the rules of that day, of today (`programs`) or of a `changed` file hide; where those of that
    day cannot be read any more, EVERYTHING. It needs the store only for rules it has not met before.
    """
    known = {}

    def hidden(lead):
        key = lead.rules, lead.program
        if key not in known:
            known[key] = _hidden(*key, programs, changed)
        return known[key]

    return hidden


def _hidden(rules, name, programs, changed):
    today = {other: program.spec for other, program in programs.items()}
    if name in programs and programs[name].hash == rules:  # most leads: nothing is to be read
        own = []
    else:
        text = models.RuleText.get_or_none(hash=rules)
        own = text and _own(text.text, name)
        if own is None:
            return EVERYTHING
    own = [*own, *([today.pop(name)] if name in today else []), *(program.spec for program in changed)]
    return Hidden(own, today.values())


@lru_cache(32)  # of one page after the other, the leads are of the same rules
def _own(text, name):
    """Return in a list what a text of rules says, or None where it is of an earlier version and cannot be read."""
    try:
        return [read(text, name)[0]]
    except RuleFileError:
        return None


def forms(text):
    """Yield a text as it is, and with its escapes read, in small letters and without variants such as ＠."""
    return escapes.forms(text, plain)


def plain(text):
    return unicodedata.normalize("NFKC", text.translate(UNSEEN)).casefold()
