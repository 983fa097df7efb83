"""Who is the same person, though the address is another, and which ZIP a ZIP+4 is: one mailbox, one place."""

from datetime import UTC, datetime

import pytest
from cast import errors
from hypothesis import given
from hypothesis import strategies as st

from judge.compiler import compile_program
from judge.judgement import judge
from judge.mailboxes import PROVIDERS, mailbox
from judge.rules import unique_keys
from judge.sameness import Address, Zip, identity
from judge.values import Text
from judge.verdict import Claims
from web import payload

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

ONE_PERSON = [
    ("pat.doe@gmail.com", "patdoe@gmail.com"),
    ("patdoe@gmail.com", "P.A.T.Doe@GMAIL.com"),
    ("pat2@gmail.com", "pat2+x@gmail.com"),
    ("patdoe@googlemail.com", "pat.doe+a+b@gmail.com"),
    ("pat.doe@outlook.com", "pat.doe+x@outlook.com"),
    ("pat@hotmail.co.uk", "Pat+1@Hotmail.co.uk"),
    ("pat@live.fr", "pat+x@live.fr"),
    ("pat@msn.com", "pat+x@msn.com"),
    ("pat@icloud.com", "pat+x@icloud.com"),
    ("pat@me.com", "pat+x@me.com"),
    ("pat@mac.com", "pat+x@mac.com"),
    ("pat@fastmail.com", "pat+x@fastmail.com"),
    ("pat@proton.me", "pat+x@proton.me"),
    ("pat@protonmail.com", "pat+x@protonmail.com"),
    ("pat@pm.me", "pat+x@pm.me"),
    ("pat-shop@yahoo.com", "pat-news@yahoo.com"),
    ("pat@ymail.com", "pat-x@ymail.com"),
]
TWO_PEOPLE = [
    ("pat.doe@outlook.com", "patdoe@outlook.com"),
    ("pat@outlook.com", "pat@hotmail.com"),
    ("pat@icloud.com", "pat@me.com"),
    ("pat@yahoo.com", "pat+x@yahoo.com"),
    ("pat-x@gmail.com", "pat@gmail.com"),
    ("pat+x@example.com", "pat@example.com"),
    ("pat.doe@acme.example", "patdoe@acme.example"),
    ("+x@outlook.com", "+y@outlook.com"),
    ("pat@mail.gmail.com", "p.at@mail.gmail.com"),
    ("pat@hotmail.example", "pat+x@hotmail.example"),
]
ZIPS = [("78704", "78704-1234"), ("78704-1234", "78704 9999"), ("787041234", "78704")]


def program(field, rest="", folder=None):
    path = str(folder / "p.yaml") if folder else "p.yaml"
    return compile_program("p", path, f"fields: {{f: {field}}}\n{rest}", "", NOW)


def codes(rules, *values, field="{type: email}", folder=None):
    """Return the reason codes of leads with these values that come one after the other."""
    rules, claims, verdicts = program(field, rules, folder), Claims(), []
    for value in values:
        verdicts.append(judge(rules, {"f": [value]}, NOW))
        claims.settle(verdicts[-1])
    return [verdict.codes for verdict in verdicts]


# --- Addresses ---


@pytest.mark.parametrize(("one", "other"), ONE_PERSON)
def test_two_addresses_of_one_mailbox_are_one_person_to_unique_lists_and_customers(one, other, tmp_path):
    (tmp_path / "list.txt").write_text(one, encoding="utf-8")
    for first, second in ((one, other), (other, one)):
        assert codes("rules: [{id: r, unique: [f]}]", first, second) == [[], ["r"]]
    assert codes("rules: [{id: r, listed: {f: list.txt}}]", other, folder=tmp_path) == [["r"]]
    assert codes("rules: [{id: r, not_listed: {f: list.txt}}]", other, folder=tmp_path) == [[]]
    customers = program("{type: email}", "customer: [f]")
    assert judge(customers, {"f": [one]}, NOW).customer == judge(customers, {"f": [other]}, NOW).customer


@pytest.mark.parametrize(("one", "other"), TWO_PEOPLE)
def test_addresses_that_their_provider_tells_apart_are_two_people(one, other):
    assert codes("rules: [{id: r, unique: [f]}]", one, other) == [[], []]


@pytest.mark.parametrize(("one", "other"), ONE_PERSON[:4])
def test_a_field_that_is_exact_tells_all_addresses_apart(one, other, tmp_path):
    (tmp_path / "list.txt").write_text(one, encoding="utf-8")
    exact = {"field": "{type: email, exact: true}"}
    assert codes("rules: [{id: r, unique: [f]}]", one, other, **exact)[1] == ["r"] * (one.lower() == other.lower())
    found = codes("rules: [{id: r, listed: {f: list.txt}}]", one, other, folder=tmp_path, **exact)
    assert found == [["r"], ["r"] * (one.lower() == other.lower())]
    customers = program(exact["field"], "customer: [f]")
    assert judge(customers, {"f": [one]}, NOW).customer == [one.lower()]


@pytest.mark.parametrize("one", [one for one, _ in ONE_PERSON])
def test_an_address_is_stored_and_answered_as_it_was_submitted(one):
    verdict = judge(program("{type: email}"), {"f": [one]}, NOW)
    assert (verdict.fields["f"], verdict.email) == (one, one)


def test_conditions_accepted_values_and_caps_go_by_the_address_itself():
    assert codes("rules: [{id: r, reject_if: f == 'patdoe@gmail.com'}]", "pat.doe@gmail.com") == [[]]
    assert codes("", "pat.doe@gmail.com", field="{type: email, one_of: [patdoe@gmail.com]}") == [["f.not_allowed"]]
    cap = "rules: [{id: r, limit: 1, per: day, by: [f]}]"
    assert codes(cap, "pat.doe@gmail.com", "patdoe@gmail.com") == [[], []]


@pytest.mark.parametrize("line", ["gmail.com", "@googlemail.com"])
def test_a_list_with_one_domain_of_google_has_the_addresses_of_both(line, tmp_path):
    (tmp_path / "list.txt").write_text(line)
    found = codes("rules: [{id: r, listed: {f: list.txt}}]", "a@gmail.com", "b@googlemail.com", folder=tmp_path)
    assert found == [["r"], ["r"]]


BODIES = {
    "form": (lambda address: b"f=" + address.replace("+", "%2B").encode(), "application/x-www-form-urlencoded"),
    "json": (lambda address: b'{"lead": {"f": "%s"}}' % address.encode(), "application/json"),
    "xml": (lambda address: b"<lead><f>%s</f></lead>" % address.encode(), "application/xml"),
    "multipart": (
        lambda address: b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n%s\r\n--b--\r\n' % address.encode(),
        "multipart/form-data; boundary=b",
    ),
}


@pytest.mark.parametrize("written", BODIES)
def test_the_same_person_is_known_in_every_format(written):
    rules, claims = program("{type: email}", "rules: [{id: r, unique: [f]}]"), Claims()
    body, content_type = BODIES[written]
    found = []
    for address in ("pat2@gmail.com", "pat.2+x@googlemail.com"):
        verdict = judge(rules, payload.decode(body(address), content_type), NOW)
        claims.settle(verdict)
        found.append(verdict.codes)
    assert found == [[], ["r"]]


LOCALS = st.from_regex(r"[a-z0-9](\.?[a-z0-9]){0,20}(\+[a-z0-9.+-]{0,10}[a-z0-9])?", fullmatch=True)
DOMAINS = st.sampled_from(["gmail.com", "googlemail.com", "outlook.com", "yahoo.com", "pm.me", "example.com"])


@given(LOCALS, DOMAINS)
def test_the_form_of_a_mailbox_is_its_own_form_and_the_same_for_capitals(local, domain):
    address = f"{local}@{domain}"
    assert mailbox(mailbox(address)) == mailbox(address) == identity(Address(address.upper()))
    assert mailbox(address).partition("@")[0]


def test_no_domain_belongs_to_two_providers():
    known = [domain for provider in PROVIDERS for domain in provider.names]
    assert len(known) == len(set(known)) > 80


def test_a_place_is_taken_as_the_mailbox_and_as_the_address_that_came_and_looked_for_under_former_names():
    keys, others, older = unique_keys(("p", "f"), [("p", "g")], [Address("Pat.Doe@gmail.com")])
    assert keys == [("unique", "p", "f", "pat.doe@gmail.com"), ("unique", "p", "f", "patdoe@gmail.com")]
    assert others == [("unique", "p", "g", "pat.doe@gmail.com"), ("unique", "p", "g", "patdoe@gmail.com")]
    assert older == []
    assert unique_keys(("p", "f"), [], [Address("pat@gmail.com")]) == ([("unique", "p", "f", "pat@gmail.com")], [], [])


# --- ZIP codes ---

US = "{type: postal_code, country: US}"


@pytest.mark.parametrize(("one", "other"), ZIPS)
def test_a_zip_with_four_more_digits_is_its_zip(one, other, tmp_path):
    (tmp_path / "list.txt").write_text(one)
    assert codes("rules: [{id: r, unique: [f]}]", one, other, field=US) == [[], ["r"]]
    assert codes("rules: [{id: r, limit: 1, per: day, by: [f]}]", one, other, field=US) == [[], ["r"]]
    assert codes("rules: [{id: r, listed: {f: list.txt}}]", other, field=US, folder=tmp_path) == [["r"]]
    assert codes("rules: [{id: r, not_listed: {f: list.txt}}]", other, field=US, folder=tmp_path) == [[]]
    assert codes("", other, field=f"{{type: postal_code, country: US, one_of: ['{one}']}}") == [[]]


def test_a_zip_is_not_another_one_with_the_same_four_digits():
    assert codes("rules: [{id: r, unique: [f]}]", "78704-1234", "78705-1234", field=US) == [[], []]


@pytest.mark.parametrize(
    "condition",
    ["f == '78704'", "f in ['10001', '78704']", "not f != '78704'", "f == '78704-1234'", "f in ['78704-1234']",
     "first(f, 5) == '78704'", "last(f, 4) == '1234'", "contains(f, '-1')", "ends_with(f, '1234')",
     "starts_with(f, '787')", "f >= '78704' and f < '78705'"],
)  # fmt: skip
def test_a_condition_knows_the_zip_and_all_its_parts(condition):
    assert codes(f"rules:\n- id: r\n  reject_if: >-\n    {condition}", "78704-1234", field=US) == [["r"]]


def test_a_text_that_looks_like_a_zip_is_a_text():
    assert codes("rules: [{id: r, reject_if: \"f in ['78704-1234']\"}]", "78704", field="{}") == [[]]
    assert codes("rules: [{id: r, unique: [f]}]", "78704-1234", "78704", field="{}") == [[], []]


def test_a_zip_is_stored_with_all_its_digits():
    accepted = program("{type: postal_code, country: US, one_of: ['78704']}")
    assert judge(accepted, {"f": ["78704-1234"]}, NOW).fields == {"f": "78704-1234"}


def test_a_zip_of_before_is_known_by_all_its_digits():
    keys, others, older = unique_keys(("p", "f"), [], [Zip("78704-1234")])
    assert keys == [("unique", "p", "f", "78704-1234"), ("unique", "p", "f", "78704")]
    assert others == older == []


@pytest.mark.parametrize(
    ("country", "written", "code"),
    [("US", "2134", "02134"), ("US", "501", "00501"), ("US", "2134-1234", "02134-1234"),
     ("US", "21341234", "02134-1234"), ("US", "02134", "02134"), ("PR", "926", "00926"), ("DE", "1067", "01067"),
     ("IT", "144", "00144")],
)  # fmt: skip
def test_zeros_that_were_lost_are_put_back_where_the_field_says_so(country, written, code):
    padded = program(f"{{type: postal_code, country: {country}, pad: true}}")
    assert judge(padded, {"f": [written]}, NOW).fields == {"f": code}
    if written != code:
        plain = program(f"{{type: postal_code, country: {country}}}")
        assert judge(plain, {"f": [written]}, NOW).codes == ["f.invalid"]


@pytest.mark.parametrize("text", ["", "12", "1", "213456", "21-34", "abcd", "２１", "-2134"])
def test_what_lacks_more_than_two_zeros_is_no_code(text):
    padded = program("{type: postal_code, country: US, pad: true, required: true}")
    assert judge(padded, {"f": [text]}, NOW).codes in (["f.invalid"], ["f.required"])


def test_a_code_whose_zeros_were_put_back_is_that_code():
    padded = {"field": "{type: postal_code, country: US, pad: true}"}
    assert codes("rules: [{id: r, unique: [f]}]", "2134", "02134-1234", **padded) == [[], ["r"]]


# --- The keys ---


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("{type: text, exact: true}", "exact: a field of type text does not take this key"),
        ("{type: phone, pad: true}", "pad: a field of type phone does not take this key"),
        ("{type: postal_code, country: GB, pad: true}", "pad: the codes of GB are not of digits alone"),
        ("{type: email, exact: perhaps}", '"perhaps" is neither true nor false'),
    ],
)
def test_a_key_where_it_does_not_belong_is_told(field, message):
    assert message in errors(f"fields: {{f: {field}}}")[0]


def test_an_exact_address_is_any_text():
    verdict = judge(program("{type: email, exact: true}"), {"f": ["Pat@gmail.com"]}, NOW)
    assert type(verdict.values["f"]) is Text
