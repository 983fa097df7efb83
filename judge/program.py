"""A rule file, compiled: fields, rules, and what follows from them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from judge.caps import Caps
from judge.escapes import mentions
from judge.items import Selectors
from judge.rulefile import Finding, Source
from judge.rules import expression
from judge.schema import FieldSpec, RuleFile
from judge.values import FORBIDDEN, LONGEST_VALUE, Ambiguous, Names, Refused, canonical, folded, forms_of
from judge.verdict import Reason
from judge.written import FIELD_NAME


@dataclass(frozen=True)
class FieldRule:
    """A field of a program, compiled: `parse` and `limits` turn a text into a value.

    `ambiguous` is the sentence on a value that could be two, `blanks` sets of what counts as absent, as it is compared:
    that of the program, which its fields share, and the field's own. `timed` are the limits that hang on the day: each
    a check, and a bound that is known when a lead comes. Where another field says the country, `in_country` returns the
    field as it is in one; by itself it is that in the default one.
    """

    name: str
    label: str
    spec: FieldSpec
    parse: Callable
    limits: list
    sentences: dict
    required: Callable | bool
    spellings: list[str]
    ambiguous: str = ""
    blanks: tuple[frozenset, ...] = ()
    timed: tuple[tuple, ...] = ()
    in_country: Callable | None = None

    @cached_property
    def former_names(self):
        """The aliases that may have been the field's name: the places that it took stand under that."""
        return [alias for alias in self.spec.aliases if FIELD_NAME.fullmatch(alias) and alias != self.name]

    @cached_property
    def _is_timed(self):
        return getattr(self.parse, "timed", False)

    def is_blank(self, text):
        """Tell whether a value counts as absent."""
        if not self.blanks or len(text) > LONGEST_VALUE:
            return False
        form = folded(text)
        return any(form in blanks for blanks in self.blanks)

    def value(self, text, now=None, any_day=False):
        """Return the value of a text; `now` is when it came, for `today` and a year of two digits. Raises Refused.

        With `any_day`, whether it fits the day is not asked.
        """
        # No value but a text is this long, and some parsers take the square of the length.
        if FORBIDDEN.search(text) or (len(text) > LONGEST_VALUE and self.spec.type != "text"):
            raise Refused
        value = self.parse(text, now) if self._is_timed else self.parse(text)
        for check in self.limits:
            value = check(value)
        if self.timed and not any_day:
            for check, bound in self.timed:
                check(bound.on(now or datetime.now(UTC)), value)
        return value

    def reason(self, code):
        return Reason(f"{self.name}.{code}", self.spec.note or self.sentences[code])

    def refusal(self, error):
        """Return the reason for a value that was Refused."""
        if isinstance(error, Ambiguous) and self.ambiguous:
            return Reason(f"{self.name}.{error.code}", self.spec.note or self.ambiguous)
        return self.reason(error.code)


@dataclass(frozen=True)
class Rule:
    """A rule of a program, compiled: `check(scope, verdict)` refuses, or hands over a claim."""

    id: str
    mode: str
    when: Callable | None
    check: Callable


@dataclass(frozen=True)
class Program:
    """A rule file, ready to judge leads.

    `hash` is the SHA-256 of the file's text, `names` the field that each spelling means, `lists` the paths of
    the lists that it names, `listed` the fields that these are about, and `kept` how long a place of `unique`
    is remembered, by its fields: as long as any rule asks. `caps` are those of the limits and budgets, by id.
    `marks` holds the condition of `test_if`, and `deliver` that of each destination, or None, in the order of the file.
    """

    name: str
    path: str
    text: str
    hash: str
    spec: RuleFile
    fields: dict[str, FieldRule]
    names: dict[str, str]
    rules: list[Rule]
    amounts: list[tuple]
    lists: set[str]
    kept: dict[tuple, timedelta | None]
    source: Source
    warnings: list[Finding]
    listed: set[str] = field(default_factory=set)
    caps: dict[str, Caps] = field(default_factory=dict)
    marks: list[Callable] = field(default_factory=list)
    deliver: dict[str, Callable | None] = field(default_factory=dict)

    @cached_property
    def mark(self):
        """What marks a lead as a test, as code: a field that is true, or a condition. Nothing where there are none."""
        return self.spec.test_flag or (expression(self.spec.test_if) if self.spec.test_if else "")

    @cached_property
    def senders(self):
        """The fields that say which partner and which sub-partner sent a lead; None where none does that is stored."""
        names = [name if self.spec.fields[name].store else None for name in self.spec.partner]
        return (*names, None, None)[:2]

    @cached_property
    def in_reading_order(self):
        """The fields by their names, as they are read: one that says the country of others goes before them."""
        first = {rule.spec.country_field for rule in self.fields.values()}
        return sorted(self.fields.items(), key=lambda item: item[0] not in first)

    def labels(self, names):
        """Return the labels of these fields, as reasons name them."""
        return " and ".join(self.fields[name].label for name in names if name in self.fields)

    @cached_property
    def emails(self):
        """The fields that may hold the answer's email, the likeliest first."""
        return self._of_type("email")

    @cached_property
    def phones(self):
        """The fields that may hold the phone by which a lead is found, the likeliest first."""
        return self._of_type("phone")

    def _of_type(self, kind):
        names = [name for name, rule in self.spec.fields.items() if rule.type == kind and rule.store]
        return sorted(names, key=lambda name: name != kind)

    @cached_property
    def selectors(self):
        """The aliases that pick items of lists."""
        return Selectors(self.spec.fields)

    @cached_property
    def blanks(self):
        """What counts as absent in every field, as it is compared."""
        return forms_of(self.spec.blanks)

    @cached_property
    def unpack(self):
        """The fields whose texts are documents, as `{canonical name: name}`."""
        return {canonical(name): name for name in self.spec.unpack}

    def field_of(self, name):
        """Return the field that a submitted name means, or None."""
        return self.names.get(name if name in self.names else canonical(name))

    @cached_property
    def forgets(self):
        """The fields that are checked and then forgotten."""
        return {name for name, rule in self.fields.items() if not rule.spec.store}

    @cached_property
    def _forgotten_names(self):
        return Names(self.names, self.forgets)

    def is_forgotten(self, name):
        """Tell whether a submitted name is such a field, or stands under one (`applicant.ssn`, `ssn.@id`)."""
        return name in self._forgotten_names

    def without_forgotten(self, submitted):
        """Return the submitted fields less those that are not to be stored, and documents that hold them."""
        kept = {name: self.kept_texts(name, texts) for name, texts in submitted.items()}
        return {name: texts for name, texts in kept.items() if texts}

    def kept_texts(self, name, texts):
        """Return those texts of a submitted name that may be stored; none of one that is forgotten.

        A document within a field that no rule names is not taken apart: it goes with what it holds.
        """
        if self.is_forgotten(name):
            return []
        if not self.forgets or self.field_of(name):
            return texts
        return [text for text in texts if not mentions(self._forgotten_names.part, text)]
