"""A rule file, compiled: fields, rules, and what follows from them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from judge.caps import Caps
from judge.rulefile import Finding, Source
from judge.schema import FIELD_NAME, FieldSpec, RuleFile
from judge.values import FORBIDDEN, LONGEST_VALUE, Names, Refused
from judge.verdict import Reason


@dataclass(frozen=True)
class FieldRule:
    """A field of a program, compiled: `parse` and `limits` turn a text into a value."""

    name: str
    label: str
    spec: FieldSpec
    parse: Callable
    limits: list
    sentences: dict
    required: Callable | bool
    spellings: list[str]

    @cached_property
    def former_names(self):
        """The aliases that may have been the field's name: the places that it took stand under that."""
        return [alias for alias in self.spec.aliases if FIELD_NAME.fullmatch(alias) and alias != self.name]

    def value(self, text):
        # No value but a text is this long, and some parsers take the square of the length.
        if FORBIDDEN.search(text) or (len(text) > LONGEST_VALUE and self.spec.type != "text"):
            raise Refused
        value = self.parse(text)
        for check in self.limits:
            value = check(value)
        return value

    def reason(self, code):
        return Reason(f"{self.name}.{code}", self.spec.note or self.sentences[code])


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
        """Return the submitted fields less those that are not to be stored."""
        return {name: texts for name, texts in submitted.items() if not self.is_forgotten(name)}
