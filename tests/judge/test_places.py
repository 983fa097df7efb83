"""The places of duplicates: whose time counts, who forgets them, and what a changed rule file does to them.

Leads are judged and stored as the service does it, at times of our choosing; before each, what has
run out is cleared away. Memory, which settles claims for backtests and examples, says the same.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import database
import models
from judge.judgement import judge
from judge.rulebook import RuleBook
from judge.verdict import Claim, Claims, Reason, Verdict
from leads import retention

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIELDS = """
fields:
  email: {type: email}
  phone: {}
  src: {}
  is_test: {type: boolean}
sale_amount: 25.00
rules:
"""
TESTS = "test_flag: is_test\n"


class Brand:
    """A brand with rule files, given as texts, to whose programs leads are posted."""

    def __init__(self, folder, **files):
        self.folder, self.memory = folder, Claims()
        self.write(**files)

    def write(self, **files):
        """Have these rule files from now on, and no others."""
        for path in self.folder.glob("*.yaml"):
            path.unlink()
        for name, text in files.items():
            (self.folder / f"{name}.yaml").write_text(text)
        book = RuleBook(self.folder)
        assert not book.errors
        self.programs = book.programs

    def post(self, program="p", day=0, **lead):
        """Return the reason codes of a lead that comes so many days after the start."""
        now = START + timedelta(days=day)
        database.transact(lambda: retention.clear_expired(now))
        verdict = judge(self.programs[program], {name: [text] for name, text in lead.items()}, now)
        in_memory = verdict.copy()
        stored = models.record(models.Submission(program, "", b"", "", b"", now), verdict)
        self.memory.settle(in_memory)
        assert (stored.reasons, stored.observed, stored.trace) == (in_memory.codes, in_memory.observed, in_memory.trace)
        return stored.reasons


@pytest.fixture
def brand(ledger, tmp_path):
    return lambda **files: Brand(tmp_path, **files)


# --- Two rules about one place ---

SHORT_AND_LONG = (
    FIELDS
    + """
  - {id: short, when: src == 'web', unique: [email], within: 1 day}
  - {id: long, when: src != 'web', unique: [email], within: 90 days}
"""
)


def test_a_rule_with_a_short_time_does_not_free_the_place_of_one_with_a_long_time(brand):
    program = brand(p=SHORT_AND_LONG)
    assert program.post(day=0, email="ann@example.com", src="mail") == []
    assert program.post(day=2, email="ann@example.com", src="web") == []
    assert program.post(day=4, email="ann@example.com", src="mail") == ["long"]
    assert program.post(day=91, email="ann@example.com", src="mail") == ["long"]
    assert program.post(day=92, email="ann@example.com", src="mail") == []


def test_a_place_that_the_short_rule_took_is_known_to_the_long_one_when_the_short_one_needs_it_no_more(brand):
    program = brand(p=SHORT_AND_LONG)
    assert program.post(day=0, email="ann@example.com", src="web") == []
    assert program.post(day=2, email="ann@example.com", src="mail") == ["long"]
    assert program.post(day=3, email="ann@example.com", src="web") == []


def test_programs_that_share_a_place_each_judge_it_by_their_own_time(brand):
    def shared(within):
        return FIELDS + f"  - {{id: r, unique: [email], within: {within}, across: all}}"

    program = brand(short=shared("1 day"), long=shared("90 days"))
    assert program.post("short", day=0, email="ann@example.com") == []
    assert program.post("long", day=2, email="ann@example.com") == ["r"]
    assert program.post("short", day=2, email="ann@example.com") == []
    assert program.post("long", day=91, email="ann@example.com") == ["r"]
    assert program.post("long", day=92, email="ann@example.com") == []


# --- Tests ---

ONCE = TESTS + FIELDS + "  - {id: r, unique: [email], within: 90 days}\n  - {id: cap, limit: 2, per: day}\n"


def test_a_test_is_a_duplicate_of_a_lead_and_no_lead_of_a_test(brand):
    program = brand(p=ONCE)
    assert program.post(email="ann@example.com", is_test="yes") == []
    assert program.post(email="ann@example.com") == []
    assert program.post(email="ann@example.com", is_test="yes") == ["r"]
    assert program.post(day=2, email="ann@example.com", is_test="yes") == ["r"]


def test_a_test_is_a_duplicate_of_a_test_of_the_last_day(brand):
    program = brand(p=ONCE)
    assert program.post(day=0, email="ann@example.com", is_test="yes") == []
    assert program.post(day=0.9, email="ann@example.com", is_test="yes") == ["r"]
    assert program.post(day=1, email="ann@example.com", is_test="yes") == []


def test_tests_use_up_no_cap_and_ask_for_it(brand):
    program = brand(p=ONCE)
    for name in "abcd":
        assert program.post(email=f"{name}@example.com", is_test="yes") == []
    assert program.post(email="a@example.com") == program.post(email="b@example.com") == []
    assert program.post(email="e@example.com", is_test="yes") == ["cap"]


def test_fifty_tests_a_day_are_valid(brand):
    program = brand(p=TESTS + FIELDS + "  []")
    posted = [program.post(phone=str(n), is_test="yes") for n in range(52)]
    assert posted == [[]] * 50 + [["test.limit"]] * 2
    assert program.post() == []
    assert program.post(day=0.6, is_test="yes") == []  # after midnight


def test_a_rule_file_says_how_many_tests_a_day_are_valid(brand):
    program = brand(p="test_limit: 1\ntimezone: America/New_York\n" + ONCE)
    assert program.post(day=0, email="a@example.com", is_test="yes") == []
    assert program.post(day=0, email="b@example.com", is_test="yes") == ["test.limit"]
    assert program.post(day=0.6, email="b@example.com", is_test="yes") == ["test.limit"]  # not midnight in New York yet
    assert program.post(day=0.8, email="b@example.com", is_test="yes") == []


def test_a_test_that_is_refused_uses_up_none_of_the_tests(brand):
    program = brand(p="test_limit: 2\n" + ONCE)
    assert program.post(email="a@example.com", is_test="yes") == []
    assert program.post(email="a@example.com", is_test="yes") == ["r"]
    assert program.post(email="b@example.com", is_test="yes") == []
    assert program.post(email="c@example.com", is_test="yes") == ["test.limit"]


# --- Changes of a rule file ---


def test_a_field_that_gets_a_type_knows_the_places_of_the_same_texts(brand):
    program = brand(p=FIELDS.replace("{type: email}", "{}") + "  - {id: r, unique: [email]}")
    assert program.post(email="Ann@example.com") == []
    program.write(p=FIELDS + "  - {id: r, unique: [email]}")
    assert program.post(email="ann@example.com") == ["r"]


def test_a_field_whose_old_name_is_an_alias_keeps_its_places(brand):
    program = brand(p=FIELDS + "  - {id: r, unique: [email, phone]}")
    assert program.post(email="ann@example.com", phone="1") == []
    renamed = FIELDS.replace("email:", "mail:").replace("{type: email}", "{type: email, aliases: [email]}")
    renamed = renamed.replace("phone: {}", "a_phone: {aliases: [Phone-No, phone]}")
    program.write(p=renamed + "  - {id: r, unique: [mail, a_phone]}")
    assert program.post(mail="ann@example.com", a_phone="1") == ["r"]
    assert program.post(mail="ann@example.com", a_phone="2") == []
    assert program.post(email="ann@example.com", phone="2") == ["r"]


def test_a_field_that_is_renamed_in_one_of_two_programs_keeps_the_places_that_both_share(brand):
    def shared(name, field):
        return f"fields: {{{name}: {field}}}\nrules: [{{id: r, unique: [{name}], across: all}}]"

    program = brand(p=shared("email", "{}"), q=shared("mail", "{aliases: [email]}"))
    assert program.post("p", email="ann@example.com") == []
    assert program.post("q", mail="ann@example.com") == ["r"]
    assert program.post("q", mail="bob@example.com") == []
    assert program.post("p", email="bob@example.com") == ["r"]


def test_a_rule_that_is_renamed_keeps_what_is_used_up_of_its_cap_if_it_says_its_old_id(brand):
    program = brand(p=FIELDS + "  - {id: cap, limit: 2, per: month}")
    assert program.post() == []
    program.write(p=FIELDS + "  - {id: monthly, id_before: cap, limit: 2, per: month}")
    assert program.post() == []
    assert program.post() == ["monthly"]


def test_a_rule_of_unique_may_be_renamed(brand):
    program = brand(p=FIELDS + "  - {id: one, unique: [email]}")
    assert program.post(email="ann@example.com") == []
    program.write(p=FIELDS + "  - {id: other, unique: [email]}")
    assert program.post(email="ann@example.com") == ["other"]


@pytest.mark.parametrize("before", ["O’Brien", "Ann\u00a0Lee", "SP-17\u200b"])
def test_a_place_that_was_taken_before_its_text_was_compared_by_its_form_is_known(brand, before):
    program = brand(p=FIELDS + "  - {id: r, unique: [phone]}")
    earlier = Verdict(
        "p", "", now=START, claims=[Claim("r", ("unique", "p", "phone", before.casefold()), Reason("r", ""))]
    )
    program.memory.settle(earlier.copy())
    assert models.record(models.Submission("p", "", b"", "", b"", START), earlier).valid
    assert program.post(day=1, phone=before) == ["r"]


# --- Store and memory ---

RULES = st.lists(
    st.fixed_dictionaries({
        "word": st.sampled_from(["[email]", "[phone]", "[email, phone]", "{any_of: [email, phone]}", "limit"]),
        "within": st.sampled_from(["", "1 hour", "1 day", "30 days"]),
        "when": st.sampled_from(["", "src == 'web'", "src != 'web'"]),
        "mode": st.sampled_from(["enforce", "enforce", "observe"]),
        "across": st.sampled_from(["program", "all"]),
    }),
    min_size=1,
    max_size=4,
)  # fmt: skip
LEADS = st.lists(
    st.fixed_dictionaries({
        "program": st.sampled_from(["p", "p", "q"]),
        "wait": st.sampled_from([0, 0, 1 / 24, 0.5, 1, 29, 30]),
        "email": st.sampled_from(["", "ann@example.com", "ann@example.com", "bob@example.com"]),
        "phone": st.sampled_from(["", "1", "1", "２", "2"]),
        "src": st.sampled_from(["web", "mail"]),
        "is_test": st.sampled_from(["no", "no", "yes"]),
    }),
    min_size=2,
    max_size=8,
)  # fmt: skip


def written(rules):
    lines = []
    for number, rule in enumerate(rules):
        line = f"  - id: r{number}\n    mode: {rule['mode']}\n"
        line += f"    when: {rule['when']}\n" * bool(rule["when"])
        if rule["word"] == "limit":
            line += "    limit: 2\n    per: month\n    by: [src]\n"
        else:
            line += f"    unique: {rule['word']}\n    across: {rule['across']}\n"
            line += f"    within: {rule['within']}\n" * bool(rule["within"])
        lines.append(line)
    return TESTS + "test_limit: 2\n" + FIELDS + "".join(lines)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(RULES, RULES, LEADS)
def test_store_and_memory_agree_whatever_the_rules_the_times_and_the_leads(brand, rules, others, leads):
    database.transact(lambda: [table.delete().execute() for table in (models.Taken, models.Total)])
    program, day = brand(p=written(rules), q=written(others)), 0
    for lead in leads:
        day += lead["wait"]
        given_fields = {name: lead[name] for name in ("email", "phone", "src", "is_test")}
        program.post(lead["program"], day, **given_fields)  # which compares the two
