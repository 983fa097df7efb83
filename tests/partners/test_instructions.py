"""What partners are told of a program: in plain words, true, and nothing that the program hides."""

import dataclasses
import json

import pytest
from cast import RULES_FOLDER
from programs import BAD, HOSTILE, LISTS, MONSTER

from judge.compiler import compile_text, load
from judge.rules import expression
from partners.instructions import instructions
from web.formats import FORMATS
from web.payload import decode

URL = "https://leads.example.com/leads/solar"
EXAMPLES = ["insurance", "education", "solar", "newsletter"]


@pytest.fixture
def told(tmp_path):
    """Return the instructions of a rule file's text."""

    def tell(text, **options):
        for name, entries in LISTS.items():
            (tmp_path / name).write_text(entries)
        return instructions(compile_text("solar", str(tmp_path / "solar.yaml"), text), URL, **options)

    return tell


def field(doc, name):
    return next(field for field in doc.fields if field.name == name)


def everything(doc):
    return json.dumps(dataclasses.asdict(doc), ensure_ascii=False)


# --- Conditions ---

FIELDS = """fields:
  a: {type: money, label: loan amount}
  n: {type: integer, label: number}
  t: {label: town}
  e: {type: email, label: email address}
  d: {type: date, label: birth date}
  b: {type: boolean, label: consent}
"""


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("t in  ['Bonn',\n 'Ulm']", "t in ['Bonn', 'Ulm']"),
        ({"any": ["n > 1", {"not": "b"}]}, "(n > 1) or (not (b))"),
        ({"all": ["b", "n > 1"]}, "(b) and (n > 1)"),
    ],
)
def test_a_condition_is_shown_as_code_on_one_line(condition, code):
    assert expression(condition) == code


# --- Rules ---


@pytest.mark.parametrize(
    ("rule", "said", "code"),
    [
        ("reject_if: n < 1", "A lead is rejected if", "n < 1"),
        ("require: b", "A lead is accepted only if", "b"),
        ("when: b, limit: 5, per: day",
         "We accept at most 5 leads per day. This applies to leads of which this is true:", "b"),
        ("when: (n > 3) == b, reject_if: (n > 2) == b", "A lead is rejected if", "((n > 3) == b) and ((n > 2) == b)"),
        ("when: (n > 3) == b, require: (n > 2) == b",
         "A lead is accepted only if", "not ((n > 3) == b) or ((n > 2) == b)"),
        ("open: [Mon-Fri 08:00-20:00, Sat 10:00-16:00, 22:00-23:00]",
         "Leads are taken Monday to Friday from 08:00 to 20:00; Saturday from 10:00 to 16:00; every day from 22:00 to "
         "23:00 (time zone UTC).", ""),
        ("open: [Mon 08:00-20:00], closed: [2026-12-25, 2027-01-01]",
         "Leads are taken Monday from 08:00 to 20:00 (time zone UTC), but not on 2026-12-25 and 2027-01-01.", ""),
        ("closed: 2026-12-25", "No leads are taken on 2026-12-25 (time zone UTC).", ""),
        ("limit: 5, per: year", "We accept at most 5 leads per year.", ""),
        ("limit: 5, per: total", "We accept at most 5 leads in total.", ""),
        ("limit: {a: 5, default: 7}, per: day, by: [t]", "How many leads we accept per day depends on the town.", ""),
        ("limit: {a: 5}, per: total, by: [t]", "How many leads we accept in total depends on the town.", ""),
        ("budget: 5000, per: total", "We take leads until the budget is used up.", ""),
        ("budget: {a: 50}, per: year, by: t", 
         "We take leads until the budget of the year is used up for each town.", ""),
        ("unique: [e], within: 90 days",
         "A lead is rejected if we accepted a lead with the same email address within the last 90 days.", ""),
        ("unique: {any_of: [e, t]}, across: all",
         "A lead is rejected if we accepted a lead with the same email address or the same town at any time before, "
         "in any of our programs.", ""),
        ("limit: 1, per: month", "We accept at most 1 lead per month.", ""),
        ("limit: 20000, per: day, by: [t]", "We accept at most 20,000 leads per day for each town.", ""),
        ("budget: 5000, per: week", "We take leads until the budget of the week is used up.", ""),
    ],
)  # fmt: skip
def test_a_rule_without_a_note_is_said_in_plain_words_and_its_condition_is_code(told, rule, said, code):
    doc = told(f"{FIELDS}rules:\n  - {{id: r, {rule}}}")
    assert doc.rules[0].said == (said, code)


@pytest.mark.parametrize(
    "rule", ["reject_if: n < 1", "require: b", "when: b, limit: 5, per: day", "when: b, unique: [e]"]
)
def test_of_a_rule_with_a_condition_partners_read_its_note_if_it_has_one(told, rule):
    doc = told(f"{FIELDS}rules:\n  - {{id: r, {rule}, note: Tell us more}}")
    assert (doc.rules[0].said, doc.rules[0].notes) == (("", ""), ["Tell us more"])


def test_of_a_list_only_the_sentence_is_shown(told):
    doc = told(MONSTER)
    rules = {rule.id: rule for rule in doc.rules}
    assert (rules["nobody"].said, rules["nobody"].notes) == (("", ""), ["This address is blocked"])
    assert rules["campaigns"].notes == ["This campaign is not one that is accepted"]


@pytest.mark.parametrize(
    "rule",
    [
        "reject_if: \"listed(t, 'blocked.txt')\"",
        "require: \"not  listed( t, 'blocked.txt')\"",
        "when: \"listed(t, 'blocked.txt')\", limit: 5, per: day",
    ],
)
def test_of_a_condition_that_asks_for_a_list_only_the_sentence_is_shown(told, rule):
    doc = told(f"{FIELDS}rules:\n  - {{id: r, {rule}}}")
    assert doc.rules[0].said == ("", "") and doc.rules[0].notes
    assert "blocked.txt" not in everything(doc)


def test_where_a_list_tells_what_a_test_is_partners_read_nothing_of_it(told):
    doc = told(f"test_if: \"t == 'x' or listed(t, 'blocked.txt')\"\n{FIELDS}")
    assert "blocked.txt" not in everything(doc) and "listed(" not in everything(doc)
    assert doc.tests[0].startswith(
        "Which leads are tests, our lists decide: ask us what to send with one. It is judged"
    )


def test_a_field_that_a_list_requires_is_required_of_some_leads(told):
    doc = told(FIELDS.replace("label: town", "required: \"listed(e, 'blocked.txt')\""))
    assert field(doc, "t").required == ("of some leads", "")


def test_the_days_of_a_campaign_are_told_with_their_reasons(told):
    doc = told(f"timezone: America/New_York\nstarts: 2020-12-01\nends: 2099-03-31\n{FIELDS}")
    days = "We take leads from 2020-12-01 up to the end of 2099-03-31 (time zone America/New_York)."
    assert f"{days} Others are rejected." in doc.posting
    reasons = {reason.code: reason.note for reason in doc.reasons}
    assert reasons["program.not_started"] == "This campaign has not started yet"
    assert reasons["program.ended"] == "This campaign has ended"
    without = told(FIELDS)
    assert "We take leads" not in str(without.posting) and "program." not in str(without.reasons)


def test_the_requests_to_copy_are_of_a_moment_of_the_campaign(told):
    doc = told(f"ends: 2020-03-31\n{FIELDS}")
    assert doc.accepted[0].moment == "2020-03-25 00:00 (UTC)"
    assert "<valid>true</valid>" in doc.accepted[0].answer


def test_an_accepted_lead_is_shown_with_the_amount_that_it_gets(told):
    assert {"12.34" in exchange.answer for exchange in told(MONSTER).accepted} == {True}


def test_what_is_hidden_appears_nowhere(told):
    text = everything(told(MONSTER))
    for secret in ["hidden", "watched", "off-rule", "XY-999", "76.54", "7654321", "7,654,321", ".txt"]:
        assert secret not in text


# --- Fields ---


def test_a_field_says_what_it_takes_when_it_is_required_and_how_it_is_treated(told):
    doc = told(MONSTER)
    email, state, ssn = field(doc, "email"), field(doc, "state"), field(doc, "ssn")
    assert (email.label, email.type, email.required.words) == ("email address", "email", "yes")
    assert email.aliases == ["e-mail", "contact.email"]
    assert ("no throw-away addresses", "") in email.takes
    assert state.allowed == ["CA", "NY"]
    assert field(doc, "campaign").takes[1] == ("the whole value fits the regular expression", "[A-Z]{2}-[0-9]+|none")
    assert field(doc, "rent").required == ("if", "not owner")
    assert field(doc, "deed").required == ("if", "(owner) and ((acres / 3 > 1) == owner)")
    assert field(doc, "nationality").remarks == ["If it is left out, it counts as US."]
    assert field(doc, "born").remarks == ["Sensitive: masked wherever we show or export leads."]
    assert ssn.remarks == ["Checked, then forgotten: we do not store it."]
    assert "Social Security" in ssn.takes[0].words
    assert field(doc, "phone").remarks == [
        "Counts as left out: 0000000000.",
        "A wrong value is noted, but the lead is not rejected for it.",
    ]
    assert "only numbers of the kind mobile" in [takes.words for takes in field(doc, "phone").takes]
    assert "A field that comes as `N/A` or `none` counts as missing." in doc.posting
    assert "owns, rents" in field(doc, "owner").takes[0].words
    assert "granted will do" in field(doc, "consent").takes[0].words
    assert field(doc, "born").takes[0].words.endswith("MM/DD/YYYY, D-MMM-YY or Unix time in seconds or milliseconds")
    assert field(doc, "is_test").remarks == ["Marks a test lead."]


@pytest.mark.parametrize("text", [MONSTER, *((RULES_FOLDER / "examples" / f"{n}.yaml").read_text() for n in EXAMPLES)])
def test_every_example_of_a_field_passes_its_checks(told, tmp_path, text):
    (tmp_path / "suppressed.txt").write_text("blocked.example\n")
    doc = told(text)
    program = compile_text("solar", str(tmp_path / "solar.yaml"), text)
    for shown in doc.fields:
        if shown.example is None:
            assert shown.type == "id"
        else:
            program.fields[shown.name].value(shown.example)


# --- Reasons ---


def test_reasons_have_the_sentences_of_the_answers(told):
    reasons = {(reason.code, reason.note) for reason in told(MONSTER).reasons}
    assert ("email.required", "No email address was submitted") in reasons
    assert ("campaign.pattern", "The campaign does not have the expected form") in reasons
    assert ("adult", "Applicants must be 18 or older") in reasons
    assert {
        ("person", "This email address was already submitted"),
        ("person", "This phone was already submitted"),
    } < reasons
    codes = {code for code, _ in reasons}
    assert "phone.invalid" not in codes  # it is only noted
    assert "nationality.required" not in codes and "retry.mismatch" in codes


def test_a_rule_that_says_the_same_of_each_of_its_fields_is_one_reason(told):
    doc = told(f"{FIELDS}rules: [{{id: known, unique: {{any_of: [e, t]}}, note: We know this person}}]")
    assert [reason.note for reason in doc.reasons if reason.code == "known"] == ["We know this person"]


# --- Requests and answers ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_request_is_the_first_valid_example_and_the_answer_is_valid(name):
    program = load(RULES_FOLDER / "examples" / f"{name}.yaml")
    doc = instructions(program, URL)
    assert [exchange.kind for exchange in doc.accepted] == ["xml", "json", "form"]
    first = next(example.lead for example in program.spec.examples if example.expect == "valid")
    for exchange in doc.accepted:
        assert exchange.lead.keys() == first.keys()
        assert decode(exchange.body.encode(), FORMATS[exchange.kind].mimetype) == {
            name: [text] for name, text in exchange.lead.items()
        }
        assert '"valid": true' in exchange.answer or "<valid>true</valid>" in exchange.answer
    assert all('"valid": "false"' in e.answer or "<valid>false</valid>" in e.answer for e in doc.rejected)


def test_an_example_of_a_moment_says_so():
    doc = instructions(load(RULES_FOLDER / "examples" / "newsletter.yaml"), URL)
    assert doc.accepted[0].moment == "2026-03-02 10:00 (Europe/Berlin)"
    assert instructions(load(RULES_FOLDER / "default.yaml"), URL).accepted[0].moment == ""


def test_a_program_without_examples_has_a_request_made_of_its_fields(told):
    doc = told("fields: {email: {type: email, required: true}, s: {type: region, country: US, required: true}, o: {}}")
    assert doc.accepted[0].lead == {"email": "ann@example.com", "s": "AL"}
    assert doc.rejected[0].lead == {"s": "AL"}
    assert "No email was submitted" in doc.rejected[0].answer


def test_a_request_made_of_the_fields_is_no_test_lead(told):
    doc = told("test_flag: is_test\nfields: {is_test: {type: boolean, required: true}, s: {type: region, country: US}}")
    assert doc.accepted[0].lead == {"is_test": "false"}
    assert [field.example for field in doc.fields] == ["true", "AL"]


def test_what_counts_as_the_same_is_told_of_the_fields_that_it_is_about(told):
    fields = "fields: {email: {type: email}, other: {type: email}, zip: {type: postal_code, country: US, pad: true}}"
    rule = "\nrules: [{id: r, unique: [email], note: Twice%s}]"
    said = "Addresses of one mailbox are one: pat.doe+x@gmail.com is patdoe@gmail.com."
    assert [field.remarks for field in told(fields + rule % "").fields] == [
        [said], [], ["Zeros that are missing at its start are put back."]
    ]  # fmt: skip
    assert said not in everything(told(fields + rule % ", public: false"))
    assert said not in everything(told(fields.replace("email}", "email, exact: true}") + rule % ""))


def test_a_program_of_which_no_lead_can_be_shown_has_none(told):
    doc = told("fields: {ssn: {type: id, standard: us.ssn, required: true}}")
    assert (doc.accepted, [exchange.lead for exchange in doc.rejected]) == ([], [])


def test_an_open_service_asks_for_no_login(told):
    doc = told("fields: {email: {type: email, required: true}}", login=False)
    text = everything(doc)
    assert "password" not in "".join(json.dumps(exchange.programs) for exchange in doc.accepted)
    assert "Log in with" not in text


def test_statuses_tell_the_one_of_an_invalid_lead(told):
    statuses = told(MONSTER).statuses
    assert statuses[200] == "The lead was judged and accepted."
    assert statuses[422] == "The lead was judged and rejected: the note says why."
    assert list(statuses) == sorted(statuses)
    both = told("invalid_status: 400\nfields: {a: {}}").statuses
    assert both[400].startswith("The lead was judged and rejected") and "not well-formed" in both[400]


def test_repeats_and_tests_are_told_as_the_program_has_them(told):
    doc, plain = told(MONSTER), told("fields: {a: {}}")
    assert any("`click_id`" in sentence for sentence in doc.repeats)
    assert any("`is_test`" in sentence for sentence in doc.tests)
    assert not any("`click_id`" in sentence for sentence in plain.repeats)
    assert any("no test leads" in sentence for sentence in plain.tests)
    said = " ".join(doc.tests)
    assert "no later lead is a duplicate of it" in said and "duplicate of a test of the last day" in said
    assert "At most 50 tests a day are accepted, of all partners together" in said and "`test.limit`" in said
    assert "is paid until it is reversed" in said


def test_what_a_hostile_file_says_is_told_letter_by_letter(told):
    doc = told(HOSTILE)
    email, _, text, other = doc.fields
    assert (doc.title, email.label, email.aliases, text.label, text.example) == (BAD, BAD, [BAD], BAD, BAD)
    assert text.allowed == [BAD, "b"]
    assert BAD in " ".join(other.remarks) and BAD in [reason.note for reason in doc.reasons]
    assert [(rule.id, rule.notes) for rule in doc.rules] == [("r", [BAD]), ("s", ["Another"])]
    for exchange in doc.accepted:
        fields = decode(exchange.body.encode(), FORMATS[exchange.kind].mimetype)
        assert fields == {name: [value] for name, value in exchange.lead.items()}


# --- Reversals ---

REVERSALS = """fields: {e: {type: email}}
impact:
  campaign: 1000
  event_type: 2240
  reversals: {within: 14 days, reasons: {wrong number: CONS_INFO_INVALID, "f*ke": CONS_FRAUD}}
"""


def test_partners_read_which_reasons_reverse_a_lead_and_within_how_long(told):
    first, reasons, _ = told(REVERSALS).reversals
    assert "reversed at impact.com, within the 14 days after it came and before it locks" in first
    assert reasons == r"These are the reasons: wrong number, f\*ke."
    assert "CONS_FRAUD" not in everything(told(REVERSALS)) and "2240" not in everything(told(REVERSALS))


@pytest.mark.parametrize("more", ["", "\nimpact: {campaign: 1, event_type: 2}"])
def test_where_no_lead_is_reversed_partners_read_nothing_of_it(told, more):
    assert told("fields: {e: {type: email}}" + more).reversals == []
