"""`partner: [irpid, subid]`: who sent a lead, and through whom."""

import pytest
from cast import NOW, errors, program, warnings_of

from judge.changes import begun_anew
from judge.compiler import compile_text
from judge.judgement import judge

RULES = """\
partner: [irpid, subid]
fields:
  email: {type: email}
  irpid: {}
  subid: {aliases: [sub.id]}
examples:
  - {name: all of it, lead: {email: ann@example.com, irpid: bright, subid: s-1}, expect: valid}
"""
ALONE = RULES.replace("[irpid, subid]", "irpid")


def sent_by(rules, **lead):
    made = program(rules)
    verdict = judge(made, {name: [text] for name, text in lead.items()}, NOW)
    return verdict.partner, verdict.subpartner


@pytest.mark.parametrize(
    ("lead", "named"),
    [
        ({"irpid": "bright", "subid": "s-1"}, ("bright", "s-1")),
        ({"irpid": "bright", "sub.id": "s-1"}, ("bright", "s-1")),
        ({"irpid": "bright"}, ("bright", "")),
        ({"subid": "s-1"}, ("", "s-1")),
        ({}, ("", "")),
    ],
)
def test_a_lead_names_its_partner_and_its_sub_partner(lead, named):
    assert sent_by(RULES, **lead) == named


@pytest.mark.parametrize("key", ["irpid", "[irpid]"])
def test_one_field_alone_or_in_a_list_is_the_partner(key):
    made = program(RULES.replace("[irpid, subid]", key))
    assert (made.spec.partner, made.senders) == (["irpid"], ("irpid", None))
    assert sent_by(made.text, irpid="bright", subid="s-1") == ("bright", "")


def test_a_value_that_is_refused_names_the_sub_partner_too():
    assert sent_by(RULES.replace("subid: {", "subid: {max_length: 3, "), irpid="b", subid="longer") == ("b", "longer")


def test_a_field_that_is_not_stored_names_nobody():
    assert sent_by(RULES.replace("subid: {", "subid: {store: false, "), irpid="b", subid="s") == ("b", "")
    assert sent_by(RULES.replace("irpid: {}", "irpid: {store: false}"), irpid="b", subid="s") == ("", "s")


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("[irpid, subid, email]", "1: this names 3 fields under partner: write at most two, the partner's and its"),
        ("[irpid, irpid]", "1: this names a field twice under partner: write the partner's and its sub-partner's"),
        ("irpid, subid", '1: "irpid, subid" is one text: write a list in brackets, such as [one, another]'),
        ("[irpid, subdi]", '1: partner: there is no field "subdi". Did you mean "subid"?'),
        ("[]", '1: "partner:" is empty'),
        ("{irpid: subid}", '1: "partner:" needs a list'),
    ],
)
def test_what_is_no_partner_is_told_in_one_sentence(key, sentence):
    (told,) = errors(RULES.replace("[irpid, subid]", key))
    assert told.startswith(f"rules/solar.yaml:{sentence}")


def test_a_field_of_several_values_names_no_sub_partner():
    (told,) = errors(RULES.replace("subid: {", "subid: {multiple: true, "))
    assert told.startswith(
        "rules/solar.yaml:1: partner: subid is a list, since it has multiple: true, and a lead has one partner"
    )


@pytest.mark.parametrize("key", ["subpartner: subid", "sub_id: subid", "SubPartner: subid", "sub-affiliate: subid"])
def test_a_key_of_its_own_for_the_sub_partner_is_told_where_it_belongs(key):
    (told,) = errors(f"{key}\n{ALONE}")
    assert "is not a known key: it is the second field of the partner: write partner: [irpid, subid]" in told


def test_a_cap_by_the_sub_partner_alone_is_warned_of_since_two_partners_may_have_the_same():
    capped = RULES + "rules: [{id: cap, limit: 5, per: day, by: BY, note: Enough}]\n"
    (told,) = warnings_of(program(capped.replace("BY", "subid")))
    assert 'rule "cap": by: two partners may have a sub-partner of the same name: write by: [irpid, subid]' in told
    assert warnings_of(program(capped.replace("BY", "[irpid, subid]"))) == []


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        (RULES, RULES, []),
        (RULES, RULES.replace("subid", "sub").replace("aliases: [sub.id]", "aliases: [subid]"), []),
        (ALONE, RULES, ["leads have a sub-partner from now on; those that came before have none"]),
        (RULES, ALONE, ["leads have no sub-partner from now on; those that came before keep theirs"]),
        (
            RULES,
            RULES.replace("[irpid, subid]", "[subid, irpid]"),
            [
                "leads that came before stay under the partner that irpid named",
                "leads that came before stay under the sub-partner that subid named",
            ],
        ),
        (
            ALONE,
            RULES.replace("partner: [irpid, subid]\n", ""),
            ["leads have no partner from now on; those that came before keep theirs"],
        ),
    ],
)
def test_who_changes_the_key_is_told_what_becomes_of_leads_that_came_before(before, after, sentences):
    changed = compile_text("default", "rules/default.yaml", after)
    told = begun_anew(changed, "default", before)
    assert [finding.message for finding in told] == [f"partner: {sentence}" for sentence in sentences]
