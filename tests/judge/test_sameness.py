"""Which values are the same: for `unique`, `limit by`, `listed`, `one_of` and conditions alike."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.compiler import compile_program
from judge.judgement import judge
from judge.values import Text, folded
from judge.verdict import Claims

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

SAME_TEXTS = [
    ("SP-17", "sp-17"),
    ("SP-17", "SP-17\u200b"),
    ("SP-17", "\ufeffSP-17"),
    ("SP-17", "S\u00adP-17"),
    ("SP-17", "SP–17"),
    ("SP-17", "ＳＰ－１７"),
    ("ann", "an\u034fn"),
    ("ann", "ann\ufe0f"),
    ("SP-17", "SP-17\x7f\x80"),
    ("SP-17", "SP-17\u2800"),
    ("SP-17", "SP-\U0001d15917\ufff9"),
    ("Kim" + "\u0301" * 31, "Ｋim" + "\u0301" * 40),
    ("a`b", "a`\u200bb"),
    ("Ann Lee", "Ann  Lee"),
    ("Ann Lee", "Ann\u00a0Lee"),
    ("Ann Lee", "Ann \u200b\u3000 Lee"),
    ("O'Brien", "O’Brien"),
    ('the "A" list', "the “A” list"),
    ("Zürich", "ZU\u0308RICH"),
    ("Straße", "STRASSE"),
    ("Mâle", "Ma\u0302le"),
    ("Ma\u0302le", "Mâle"),
    ("High School", "High  School"),
    ("Master's", "Master’s"),
    ("Zu\u0308rich", "Zürich"),
]
SAME_VALUES = [(f"type: {kind}", one, other) for kind, one, other in [
    ("number", "0", "-0"),
    ("number", "5", "5.00"),
    ("number", "1e2", "100"),
    ("money", "$1,000", "1000.00"),
    ("ip", "1.2.3.4", "::ffff:1.2.3.4"),
    ("ip", "2001:db8::1", "2001:0DB8:0:0:0:0:0:1"),
    ("ip", "fe80::1%a", "fe80::1%b"),
    ("url", "https://example.com/a", "https://EXAMPLE.com:443/%61"),
    ("url", "https://example.com/%2Fx", "https://example.com/%2fx"),
    ("datetime", "2026-03-01T12:00:00Z", "2026-03-01T07:00:00-05:00"),
]]  # fmt: skip
LONG = ("sub 17", "ｓｕｂ" + " " * 10_001 + "17")
SAME = [("{}", *pair) for pair in [*SAME_TEXTS, LONG]] + [
    (f"{{{spec}}}", one, other) for spec, one, other in SAME_VALUES
]
DIFFERENT = [
    ("{}", "SP-17", "SP-18"),
    ("{}", "SP-17", "SP17"),
    ("{}", "Zürich", "Zurich"),
    ("{type: number}", "12345678901234567890123456789012345678", "12345678901234567890123456789012345679"),
    ("{type: number}", "0.1", "0.10000000000000000000000000000000000001"),
    ("{type: ip}", "1.2.3.4", "::1.2.3.4"),
    ("{type: url}", "https://example.com/a%2Fb", "https://example.com/a/b"),
]


def codes(rules, *values, field="{}", folder=None):
    """Return the reason codes of leads with these values that come one after the other."""
    path = str(folder / "p.yaml") if folder else "p.yaml"
    program = compile_program("p", path, f"fields: {{f: {field}}}\n{rules}", "", NOW)
    claims, verdicts = Claims(), []
    for value in values:
        verdicts.append(judge(program, {"f": [value]}, NOW))
        claims.settle(verdicts[-1])
    return [verdict.codes for verdict in verdicts]


@pytest.mark.parametrize(("field", "one", "other"), SAME)
def test_the_same_value_in_another_form_is_a_duplicate_and_falls_under_the_same_cap(field, one, other):
    assert codes("rules: [{id: r, unique: [f]}]", one, other, field=field) == [[], ["r"]]
    assert codes("rules: [{id: r, limit: 1, per: day, by: [f]}]", one, other, field=field) == [[], ["r"]]


@pytest.mark.parametrize(("field", "one", "other"), DIFFERENT)
def test_values_that_differ_are_no_duplicates(field, one, other):
    assert codes("rules: [{id: r, unique: [f]}]", one, other, field=field) == [[], []]
    assert codes("rules: [{id: r, limit: 1, per: day, by: [f]}]", one, other, field=field) == [[], []]


@pytest.mark.parametrize(("field", "one", "other"), SAME)
def test_a_list_has_a_value_in_every_form(field, one, other, tmp_path):
    (tmp_path / "list.txt").write_text(one, encoding="utf-8")
    assert codes("rules: [{id: r, listed: {f: list.txt}}]", other, field=field, folder=tmp_path) == [["r"]]


@pytest.mark.parametrize(("one", "other"), SAME_TEXTS)
def test_a_value_that_is_accepted_is_accepted_in_every_form_and_spelled_as_in_the_file(one, other):
    field = f"{{type: choice, one_of: [{one!r}]}}"
    program = compile_program("p", "p.yaml", f"fields: {{f: {field}}}", "", NOW)
    verdict = judge(program, {"f": [other]}, NOW)
    assert (verdict.codes, verdict.fields) == ([], {"f": one})


@pytest.mark.parametrize(("one", "other"), [pair for pair in SAME_TEXTS if '"' not in pair[0]])
def test_a_condition_finds_a_text_in_every_form(one, other):
    quoted = "'" + one.replace("'", "\\'") + "'"
    for condition in (f"f == {quoted}", f"f in [{quoted}]", f"not f != {quoted}"):
        assert codes(f"rules:\n- id: r\n  reject_if: >-\n    {condition}", other) == [["r"]]


def test_what_is_stored_stays_as_it_came():
    program = compile_program("p", "p.yaml", "fields: {f: {}}", "", NOW)
    assert judge(program, {"f": ["O’Brien\u200b"]}, NOW).fields == {"f": "O’Brien\u200b"}


def test_a_value_that_nobody_sees_is_none():
    required = compile_program("p", "p.yaml", "fields: {f: {required: true}}", "", NOW)
    assert judge(required, {"f": ["\u200b\u2060 \u00a0"]}, NOW).codes == ["f.required"]


def test_an_address_with_a_character_that_nobody_sees_is_no_address():
    program = compile_program("p", "p.yaml", "fields: {f: {type: email}}", "", NOW)
    assert judge(program, {"f": ["ann\u034f@example.com"]}, NOW).codes == ["f.invalid"]


def test_a_request_is_repeated_with_its_key_in_any_form():
    program = compile_program("p", "p.yaml", "retry_key: [f]\nfields: {f: {}}", "", NOW)
    assert judge(program, {"f": ["K 77"]}, NOW).retry == judge(program, {"f": ["k\u00a077\u200b"]}, NOW).retry


@given(st.text(), st.sampled_from("\u200b\u00ad\ufeff\u2060\ufe0f\u180e\U000e0100"), st.data())
def test_a_character_that_nobody_sees_changes_nothing_wherever_it_stands(text, unseen, data):
    at = data.draw(st.integers(0, len(text)))
    assert Text(text[:at] + unseen + text[at:]) == Text(text)


@given(st.text() | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str))
def test_the_form_in_which_texts_are_compared_is_its_own_form(text):
    assert folded(Text(folded(Text(text)))) == folded(Text(text)) == Text(text).folded


NUMBERS = st.from_regex(r"-?[0-9]{1,38}(\.[0-9]{1,38})?", fullmatch=True)


@given(NUMBERS, NUMBERS, st.integers(0, 38))
def test_numbers_are_the_same_if_they_are_equal(one, other, zeros):
    assert (folded(Decimal(one)) == folded(Decimal(other))) is (Decimal(one) == Decimal(other))
    longer = (one if "." in one else one + ".") + "0" * zeros
    assert folded(Decimal(one)) == folded(Decimal(longer))


def test_a_text_of_any_kind_is_compared_in_good_time():
    for text in ("e" + "\u0301\u0316" * 65_000, ("e" + "\u0301\u0316" * 14) * 4500, "\ufdfa" * 85_000):
        assert Text(text) == Text(text.upper().lower())
