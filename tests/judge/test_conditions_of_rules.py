"""What conditions ask of lists and days, and what becomes of a lead of which they cannot tell."""

import pytest
from cast import FORM, JSON, XML, errors, multipart, warnings_of
from hypothesis import given
from hypothesis import strategies as st
from posting import FIELDS, NOON, Program

from judge.compiler import compile_text
from judge.examples import texts_of
from judge.judgement import judge
from judge.verdict import Claims
from partners.simulator import body_of
from web.request import read

HEAD = FIELDS.replace("  irpid: {}", "  irpid: {}\n  loan: {type: money, on_invalid: warn}\n  rate: {type: number}")


# --- listed() ---


@pytest.fixture
def lists(tmp_path):
    (tmp_path / "gold.txt").write_text("Gold Coast\n# by hand\ncalifornia # since May\n")
    (tmp_path / "known.txt").write_text("Ann@Example.com\n@acme.example\nbücher.de\n")
    (tmp_path / "sums.txt").write_text("$1,000\n5\n")
    (tmp_path / "phones.txt").write_text("(415) 555-2671\nnonsense\n")
    return tmp_path


@pytest.mark.parametrize(
    ("condition", "lead", "expected"),
    [
        ("listed(state, 'gold.txt')", {"state": "GOLD  coast"}, ["r"]),
        ("listed(state, 'gold.txt')", {"state": "Texas"}, []),
        ("listed(state, 'gold.txt')", {}, []),
        ("not listed(state, 'gold.txt')", {"state": "Texas"}, ["r"]),
        ("not listed(state, 'gold.txt')", {}, []),
        ("listed(state, 'gold.txt') and irpid == '7'", {"state": "California", "irpid": "7"}, ["r"]),
        ("listed(state, 'gold.txt') or irpid == '7'", {"irpid": "7"}, ["r"]),
        ("listed(state, 'gold.txt') == true", {"state": "california"}, ["r"]),
        ("listed(email, 'known.txt')", {"email": "ANN@example.com"}, ["r"]),
        ("listed(email, 'known.txt')", {"email": "x@acme.example"}, ["r"]),
        ("listed(email, 'known.txt')", {"email": "x@xn--bcher-kva.de"}, ["r"]),
        ("listed(email, 'known.txt')", {"email": "acme.example@example.com"}, []),
        ("listed(worth, 'sums.txt')", {"worth": "1000.00"}, ["r"]),
        ("listed(worth, 'sums.txt')", {"worth": "$5"}, ["r"]),
        ("listed(phone, 'phones.txt')", {"phone": "+1 415 555 2671"}, ["r"]),
    ],
)
def test_a_condition_may_ask_whether_a_value_is_in_a_list(lists, condition, lead, expected):
    assert Program(f'  - {{id: r, reject_if: "{condition}"}}', lists).post(**lead) == expected


def test_a_list_may_decide_wherever_a_condition_stands(lists):
    rules = "  - {id: w, when: \"listed(state, 'gold.txt')\", require: phone is present}\n"
    rules += "  - {id: q, require: \"listed(state, 'gold.txt')\"}\n"
    rules += "  - {id: p, reject_if: {any: [\"listed(state, 'gold.txt')\", irpid == '9']}}\n"
    fields = HEAD.replace("irpid: {}", "irpid: {required: \"listed(state, 'gold.txt')\"}")
    fields = fields.replace("[{when: worth is present and worth > 100,", "[{when: \"listed(state, 'gold.txt')\",")
    made = Program(rules, lists, fields=fields)
    assert made.post(state="Gold Coast") == ["irpid.required"]
    assert made.post(state="Gold Coast", irpid="1") == ["w", "p"]
    assert made.post(state="Texas", irpid="9") == ["q", "p"]
    assert str(made.verdict.worth) == "10.00"
    assert made.post(state="Gold Coast", irpid="1") and str(made.verdict.worth) == "40.00"


def test_the_lists_of_conditions_are_read_again_when_they_change_and_their_bad_lines_told(lists):
    made = Program("  - {id: r, note: N, reject_if: \"listed(phone, 'phones.txt')\"}", lists).program
    assert made.lists == {str(lists / "phones.txt")} and made.listed == {"phone"}
    assert warnings_of(made) == [
        f'{lists}/test.yaml:12: warning: rule "r": {lists}/phones.txt:2: this line is not a valid phone'
    ]


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("listed(state, 'none.txt')", "the list rules/none.txt cannot be read: No such file"),
        ("listed(stat, 'gold.txt')", 'there is no field "stat". Did you mean "state"?'),
        ("listed(state)", "listed is not given what it takes: write listed(email, 'list.txt')"),
        ("listed(state, state)", "listed takes a field and a file in quotes: write listed(email, 'list.txt')"),
        ("listed('TX', 'gold.txt')", "listed takes a field and a file in quotes"),
        ("listed(first(state, 2), 'gold.txt')", "listed takes a field and a file in quotes"),
        ("listed(state, '')", "listed takes a field and a file in quotes"),
        ("listed", "listed is a function: write listed(email, 'list.txt')"),
        ("lister(state, 'gold.txt')", 'there is no function "lister". Did you mean "listed"?'),
    ],
)
def test_a_list_that_cannot_be_used_is_an_error_with_the_right_form(condition, sentence):
    (error,) = errors(f'fields: {{state: {{}}}}\nrules:\n  - id: r\n    reject_if: "{condition}"')
    assert error.startswith('rules/solar.yaml:4: rule "r": reject_if: ') and sentence in error


def test_who_tries_a_change_may_name_no_list_that_the_file_does_not_name(lists):
    text = "fields: {state: {}}\nrules: [{id: r, note: N, reject_if: \"listed(state, 'gold.txt')\"}]"
    compile_text("solar", str(lists / "solar.yaml"), text, lists={str(lists / "gold.txt")})
    with pytest.raises(ValueError, match=r'here only lists that the file in use names \(none\), and not "gold.txt"'):
        compile_text("solar", str(lists / "solar.yaml"), text, lists=set())


# --- Days ---


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("born < '2000-01-01'", []),
        ("born >= '2000-01-01'", ["r"]),
        ("'2000-01-01' <= born < '2010-01-01'", ["r"]),
        ("born == date('2008-03-02')", ["r"]),
        ("born in ['2008-03-02', date('1999-01-01')]", ["r"]),
        ("today() > date('2026-03-01')", ["r"]),
        ("today() == '2026-03-02'", ["r"]),
        ("'2026-03-02' != today()", []),
        ("days_since(date('2026-03-01')) == 1", ["r"]),
    ],
)
def test_days_are_compared_with_texts_and_with_dates(condition, expected):
    fields = FIELDS.replace("irpid: {}", "born: {type: date}")
    assert Program(f'  - {{id: r, reject_if: "{condition}"}}', fields=fields).post(born="2008-03-02") == expected


@pytest.mark.parametrize("text", ["2008-02-30", "03/02/2008", "yesterday"])
def test_a_text_that_is_no_day_is_no_date(text):
    for condition in (f"born < '{text}'", f"born < date('{text}')"):
        found = errors(f'fields: {{born: {{type: date}}}}\nrules: [{{id: r, reject_if: "{condition}"}}]')
        assert "'2026-12-31'" in found[0]


# --- require ---


@pytest.mark.parametrize(
    ("condition", "lead", "expected"),
    [
        ("loan > 5", {"loan": "much"}, ["r"]),
        ("loan > 5", {"loan": "9"}, []),
        ("loan > 5", {}, []),
        ("not loan > 5", {"loan": "much"}, ["r"]),
        ("5 / rate > 1", {"rate": "0"}, ["r"]),
        ("5 / rate > 1", {"rate": "2"}, []),
        ("5 / rate > 1", {}, []),
        ("loan / rate > 1", {"loan": "much"}, ["r"]),
        ("loan > 5 and irpid == '7'", {"loan": "much"}, ["r"]),
        ("irpid == '7' and loan > 5", {"loan": "much"}, ["r"]),
        ("loan > 5 or irpid == '7'", {"loan": "much", "irpid": "7"}, []),
        ("loan is missing or loan > 5", {"loan": "much"}, []),
        ("loan is present", {"loan": "much"}, ["r"]),
    ],
)
def test_require_refuses_a_lead_of_which_it_cannot_tell(condition, lead, expected):
    assert Program(f'  - {{id: r, require: "{condition}"}}', fields=HEAD).post(**lead) == expected


def test_the_parts_of_a_condition_tell_as_the_whole_does():
    parts = Program("  - {id: r, require: {all: [5 / rate > 1, irpid == '7']}}", fields=HEAD)
    assert [parts.post(rate="0"), parts.post(rate="0", irpid="7"), parts.post(rate="1")] == [["r"], ["r"], []]
    other = Program("  - {id: r, require: {any: [5 / rate > 1, irpid == '7']}}", fields=HEAD)
    assert [other.post(rate="0"), other.post(rate="0", irpid="7"), other.post()] == [["r"], [], []]


@pytest.mark.parametrize(
    ("lead", "trace"),
    [
        ({"loan": "much"}, ["cannot be told: loan cannot be read", "refused: r"]),
        ({"loan": "1", "rate": "0"},
         ["cannot be told: it divides by zero or takes a number out of range", "refused: r"]),
        ({"loan": "1"}, ["skipped: rate is absent"]),
    ],
)  # fmt: skip
def test_the_trace_says_why_it_cannot_be_told(lead, trace):
    made = Program("  - {id: r, require: loan / rate > 1}", fields=HEAD)
    made.post(**lead)
    assert made.trace("r") == trace


def test_other_rules_pass_over_what_cannot_be_told():
    rules = "  - {id: a, reject_if: loan > 5}\n  - {id: b, when: loan > 5, require: phone is present}\n"
    made = Program(rules, fields=HEAD)
    assert made.post(loan="much") == []
    assert made.trace("a") == made.trace("b") == ["skipped: loan cannot be read"]


def test_a_requirement_that_only_observes_refuses_nobody():
    made = Program("  - {id: r, mode: observe, require: loan > 5}", fields=HEAD)
    assert made.post(loan="much") == []
    assert made.trace("r") == ["observed: it would be refused"]


def test_a_value_that_is_checked_and_forgotten_came_all_the_same():
    fields = HEAD.replace("on_invalid: warn", "on_invalid: warn, store: false")
    assert Program("  - {id: r, require: loan > 5}", fields=fields).post(loan="much") == ["r"]


# --- One lead, one decision ---

TABLE = "  - {id: cap, limit: {'SP-1': 1, '5': 0, default: 2}, per: total, by: irpid}\n"
ALL = TABLE + "  - {id: ratio, require: loan / rate > 0.5}\n  - {id: shut, closed: [2026-03-03]}\n"
SUMS = HEAD.replace("{when: worth is present and worth > 100, amount: 40.00}", "{amount: loan * 0.015, at_most: 80}")
MADE = Program(ALL, head="starts: 2026-01-01\nends: 2026-12-31\n", fields=SUMS).program


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "irpid": st.sampled_from(["SP-1", "sp‑1", "5", "6"]),
            "loan": st.sampled_from(["1000", "$1,234.50", "much", "0"]),
            "rate": st.sampled_from(["0", "1000", "2.5"]),
            "email": st.just("ann@example.com"),
        },
    ),
    st.sampled_from([0, 1, 400]),
)
def test_a_lead_is_decided_alike_in_every_format(lead, days):
    at = NOON.replace(day=NOON.day + days) if days < 2 else NOON.replace(year=NOON.year + 1)
    bodies = [(body_of(lead, kind), mimetype) for kind, mimetype in (("form", FORM), ("json", JSON), ("xml", XML))]
    bodies.append(multipart(lead.items()))
    expected = settled(texts_of(MADE, lead), at)
    for body, mimetype in bodies:
        if body is not None:
            found = settled(read(MADE, body, mimetype), at)
            assert (found.codes, found.sale_amount, found.trace) == (
                expected.codes,
                expected.sale_amount,
                expected.trace,
            )


def settled(fields, at):
    verdict = judge(MADE, fields, at)
    Claims().settle(verdict)
    return verdict
