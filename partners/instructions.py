"""What partners are told of a program: its fields, rules, reasons, and requests with their answers.

A pure function of a program and of the address to post to. What a program hides appears nowhere:
rules that are not public, or that refuse nobody now, the entries of lists, and what leads are worth
but for the one that is shown with its answer.
"""

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ulid import ULID

from judge.calendar import open_moment
from judge.examples import judge_after, moment_of
from judge.limits import given_limits
from judge.rules import RULES, expression, looks_up, names_list, reasons, words_of
from judge.schema import ExampleSpec
from judge.types import TYPES, joined
from judge.values import Ambiguous
from judge.verdict import RETRY_MISMATCH, Reason, reasons_of_program
from partners import markdown
from partners.marks import names_in
from partners.samples import declared, field_examples, first_that_passes, made_leads
from partners.snippets import ENCODE, programs
from web.answer import of_verdict, render
from web.formats import FORMATS
from web.request import read as read_lead
from web.statuses import STATUSES


class Said(NamedTuple):
    """Words, and behind them what is shown as code."""

    words: str
    code: str = ""


@dataclass(frozen=True)
class Field:
    """A field, as partners see it. `codes` stand for what is `allowed`, if there are any."""

    name: str
    label: str
    type: str
    aliases: list[str]
    required: Said
    takes: list[Said]
    allowed: list[str]
    codes: dict[str, str]
    example: str | list[str] | None
    remarks: list[str]


@dataclass(frozen=True)
class ToldRule:
    """A rule in words, and the sentences that a lead gets which it refuses."""

    id: str
    said: Said
    notes: list[str]


@dataclass(frozen=True)
class Exchange:
    """A request in one of ENCODE, as programs that send it, and its answer. `moment`: when it is judged."""

    kind: str
    lead: dict
    body: str
    programs: dict
    status: int
    answer: str
    answer_format: str
    moment: str


@dataclass(frozen=True)
class Instructions:
    """All that partners are told of a program."""

    name: str
    title: str
    hash: str
    url: str
    login: bool
    currency: str
    posting: list[str]
    answers: list[str]
    repeats: list[str]
    tests: list[str]
    reversals: list[str]
    statuses: dict[int, str]
    fields: list[Field]
    rules: list[ToldRule]
    reasons: list[Reason]
    accepted: list[Exchange]
    rejected: list[Exchange]


SENTENCES = ("posting", "answers", "repeats", "tests", "reversals")


def instructions(program, url, login=True):
    """Return what partners are told of `program`, who post to `url`, with a `login` or without."""
    spec, shown = program.spec, [rule for rule in program.spec.rules if _is_shown(rule)]
    examples = field_examples(program)
    return Instructions(
        name=program.name,
        title=spec.title or program.name,
        hash=program.hash,
        url=url,
        login=login,
        currency=spec.currency or "",
        **{name: markdown.sentences(name, spec, login) for name in SENTENCES},
        statuses=_statuses(spec),
        fields=[_field(program, rule, examples[rule.name]) for rule in program.fields.values()],
        rules=[_rule(program, rule) for rule in shown],
        reasons=_all_reasons(program, shown),
        accepted=_exchanges(program, _accepted(program, examples), url, login),
        rejected=_exchanges(program, _rejected(program, examples), url, login),
    )


def _statuses(spec):
    """Return what each status means to partners of a program."""
    told = {status: row.partner for status, row in STATUSES.items()}
    if spec.invalid_status == 200:
        return told
    other = told.get(spec.invalid_status)
    rejected = "The lead was judged and rejected: the note says why." + (f" Or: {other}" if other else "")
    changed = {200: "The lead was judged and accepted.", spec.invalid_status: rejected}
    return dict(sorted((told | changed).items()))


def _is_shown(rule):
    return rule.public and rule.mode == "enforce"


def _word(rule):
    return words_of(rule)[0]


# --- Fields, rules and reasons ---


def _field(program, rule, example):
    spec = rule.spec
    limits = [Said(*limit.said(given)) for limit, given in given_limits(spec)]
    return Field(
        name=rule.name,
        label=rule.label,
        type=spec.type,
        aliases=spec.aliases,
        required=_required(spec),
        takes=[Said(TYPES[spec.type].told(spec, program.spec.timezone)), *(said for said in limits if said.words)],
        allowed=spec.choices,
        codes=spec.codes,
        example=example,
        remarks=list(_remarks(program.spec, rule)),
    )


def _required(spec):
    if isinstance(spec.required, bool) or spec.default is not None:
        return Said("yes" if spec.required and spec.default is None else "no")
    if names_list(spec.required):
        return Said("of some leads")
    return Said("if", expression(spec.required))


def _remarks(program, rule):
    spec = rule.spec
    if rule.name in program.partner[1:]:
        yield "Tells which of your sub-partners sent the lead."
    if rule.name == program.test_flag:
        yield "Marks a test lead."
    if program.test_if and rule.name in names_in(program.test_if):
        yield "Tells whether a lead is a test."
    if rule.name in program.retry_key:
        yield "Tells a repeated request from a new lead."
    compared = {name for told in program.rules if _is_shown(told) for names in told.unique or () for name in names}
    if spec.type == "email" and not spec.exact and rule.name in compared:
        yield "Addresses of one mailbox are one: pat.doe+x@gmail.com is patdoe@gmail.com."
    if spec.multiple:
        yield "Takes several values, each of which is checked."
    if spec.pad:
        yield "Zeros that are missing at its start are put back."
    if spec.default is not None:
        yield f"If it is left out, it counts as {spec.default}."
    if spec.blanks:
        yield f"Counts as left out: {joined(spec.blanks, 'or')}."
    if spec.on_invalid == "warn":
        yield "A wrong value is noted, but the lead is not rejected for it."
    if spec.sensitive:
        yield "Sensitive: masked wherever we show or export leads."
    if not spec.store:
        yield "Checked, then forgotten: we do not store it."


def _rule(program, spec):
    notes = dict.fromkeys(reason.note for reason in _reasons(program, spec))
    return ToldRule(spec.id, _told(_word(spec), spec, program), list(notes))


def _told(word, spec, program):
    """Return what a rule asks; nothing of lists, which are nobody's business, nor of conditions that a note tells."""
    said = Said(*RULES[word].said(spec, program))
    if not said.words or (spec.note and (spec.when or said.code)) or looks_up(spec):
        return Said("")
    if not spec.when:
        return said
    when = expression(spec.when)
    if not said.code:
        return Said(f"{said.words} This applies to leads of which this is true:", when)
    whole = "({}) and ({})" if word == "reject_if" else "not ({}) or ({})"
    return Said(said.words, whole.format(when, said.code))


def _reasons(program, spec):
    return reasons(_word(spec), spec, program.labels)


def _all_reasons(program, shown):
    """Return why a lead may be rejected: each code and sentence once, though a rule may have several ways to it."""
    of_rules = (reason for rule in shown for reason in _reasons(program, rule))
    others = [*reasons_of_program(program.spec), RETRY_MISMATCH]
    return list(dict.fromkeys([*_field_reasons(program), *of_rules, *others]))


def _field_reasons(program):
    for rule in program.fields.values():
        spec = rule.spec
        if spec.required and spec.default is None:
            yield rule.reason("required")
        limits = [limit.code for limit, _ in given_limits(spec)]
        yield from (rule.reason(code) for code in ["invalid", *limits] if spec.on_invalid == "reject")
        if rule.ambiguous and spec.on_invalid == "reject":
            yield rule.refusal(Ambiguous())


# --- Requests and answers ---


def _accepted(program, examples):
    """Return the lead of a valid answer, and the example that it is from; None if there is none to show."""
    written = [example for example in program.spec.examples if example.expect == "valid"]
    made = [ExampleSpec(name="", lead=lead, expect="valid") for lead in made_leads(program, examples)]
    for example in [*sorted(written, key=lambda example: len(example.after)), *made]:
        lead = _shown_lead(program, example, examples)
        if lead and _judged(program, lead, example).valid:
            return lead, example
    return None


def _rejected(program, examples):
    """Return likewise a lead that is refused for what partners are told."""
    told = {reason.code for reason in _field_reasons(program)}
    told |= {rule.id for rule in program.spec.rules if _is_shown(rule) and not looks_up(rule)}
    written = [example for example in program.spec.examples if example.expect != "valid" and not example.after]
    if accepted := _accepted(program, examples):
        lead, example = accepted
        without = [{key: text for key, text in lead.items() if key != name} for name in lead]
        written += [example.model_copy(update={"lead": rest}) for rest in without]
    for example in written:
        lead = _shown_lead(program, example, examples)
        codes = set(_judged(program, lead, example).codes)
        if codes and codes <= told:
            return lead, example
    return None


def _shown_lead(program, example, examples):
    lead = declared(program, example.lead)
    lead |= {name: examples[name] for name in lead if name in program.listed}
    for name, text in lead.items():
        if text and program.fields[name].spec.one_of:
            lead[name] = first_that_passes(program.fields[name], [text]) or text
    return {name: text for name, text in lead.items() if text}


def _judged(program, lead, example, fields=None):
    moment = moment_of(example, program.spec, datetime.now(UTC).astimezone(program.spec.timezone))
    before = [declared(program, other) for other in example.after]
    return judge_after(program, before, fields or lead, moment)


def _exchanges(program, found, url, login):
    if not found:
        return []
    return [_exchange(program, kind, *found, url, login) for kind in ENCODE]


def _exchange(program, kind, lead, example, url, login):
    body = ENCODE[kind](lead)
    fields = read_lead(program, body.encode(), FORMATS[kind].mimetype)
    verdict, answer_format = _judged(program, lead, example, fields), "json" if kind == "json" else program.spec.respond
    return Exchange(
        kind=kind,
        lead=lead,
        body=body,
        programs=programs(url, kind, lead, login),
        status=200 if verdict.valid else program.spec.invalid_status,
        answer=render(_answer(program, verdict), answer_format, program.name),
        answer_format=answer_format,
        moment=_moment(program, example),
    )


def _answer(program, verdict):
    """Return the answer, with an id and a customer of the right form."""
    customer = hmac.digest(program.hash.encode(), json.dumps(verdict.customer).encode(), "sha256").hex()
    return of_verdict(verdict, str(ULID()), customer if verdict.customer else "")


def _moment(program, example):
    """Return when the answer is that, if it may be another at another time."""
    now = datetime.now(UTC).astimezone(program.spec.timezone)
    if example.at or open_moment(program.spec, now) != now:
        return f"{moment_of(example, program.spec, now):%Y-%m-%d %H:%M} ({program.spec.timezone})"
    return ""
