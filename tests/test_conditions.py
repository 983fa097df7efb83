"""Conditions: what they say of a lead, and what they say to the person who wrote them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from conditions import ConditionError, Unanswered, compile_condition, scope
from values import Text

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KINDS = {"email": "text", "irpid": "text", "loan": "number", "born": "date", "consent": "boolean"}
LEAD = {
    "email": Text("Ann@example.com"),
    "irpid": Text("1234"),
    "loan": Decimal("250000.00"),
    "born": date(2008, 3, 2),
    "consent": True,
}


def holds(source, **lead):
    return compile_condition(source, KINDS, NOW)(scope(lead, NOW))


@pytest.mark.parametrize(
    "source",
    [
        "loan == 250000", "loan * 0.1 == 25000", "loan - 0.1 < 249999.95", "loan / 3 > 83333.3",
        "age(born) < 18", "age(born) == 17", "days_since(born) == 6573",
        "email == 'ANN@EXAMPLE.COM'", "domain(email) == 'Example.com'", "'ann' in email",
        "irpid in ['1234', '9876']", "irpid not in ['1', '2']", "consent", "not (loan < 5 or irpid == '1')",
        "email is present and born is present", "now().hour == 12", "today().year == 2026",
        "loan / 3 + 0.5 > 1 / 3",
        "email != 'bob@example.com'", "not email != 'ANN@example.com'", "irpid|upper in ['1234']",
        "domain(email)|lower == 'EXAMPLE.com'", "irpid in 'x1234x'",
        "loan > 300000 if irpid == '1' else true",
    ],
)  # fmt: skip
def test_a_condition_is_true(source):
    assert holds(source, **LEAD) is True


@pytest.mark.parametrize("source", ["loan < 250000", "age(born) >= 18", "irpid == '123'", "email is missing"])
def test_a_condition_is_false(source):
    assert holds(source, **LEAD) is False


def test_a_birthday_on_the_29th_of_february_is_over_on_the_1st_of_march():
    assert holds("age(born) == 17", born=date(2008, 3, 2))
    assert holds("age(born) == 18", born=date(2008, 2, 29))


@pytest.mark.parametrize(
    "source",
    [
        "loan > 5",
        "not loan",
        "loan in [1, 2]",
        "age(born) < 18",
        "domain(email) == 'x'",
        "loan + 1 > 2",
        "irpid == '1'",
    ],
)
def test_a_condition_that_needs_an_absent_field_has_no_answer(source):
    with pytest.raises(Unanswered, match=r"^(loan|born|email|irpid) is absent$"):
        holds(source)


def test_present_and_missing_need_nothing():
    assert holds("loan is missing") and not holds("loan is present")
    assert not holds("loan is present and loan > 5")
    assert holds("loan is missing or loan > 5")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("irpid == '77' or loan is missing", True),
        ("loan is missing or irpid == '77'", True),
        ("irpid == '77' and loan is present", False),
        ("loan is present and irpid == '77'", False),
        ("not (irpid == '77' and loan is present)", True),
    ],
)
def test_the_order_of_and_and_or_does_not_matter_where_a_field_is_absent(source, expected):
    assert holds(source) is expected


@pytest.mark.parametrize("source", ["irpid == '77' or loan is present", "loan is missing and irpid == '77'"])
def test_and_and_or_have_no_answer_where_the_absent_field_decides(source):
    with pytest.raises(Unanswered, match="irpid is absent"):
        holds(source)


def test_texts_are_compared_without_regard_to_case_in_every_way():
    for source in ["irpid.startswith('X')", "irpid.endswith('Z')", "irpid < 'ZZ'", "irpid >= 'XYZ'"]:
        assert holds(source, irpid=Text("xyz"))


def test_an_age_is_counted_in_the_time_zone_of_the_program():
    new_york = datetime(2026, 6, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    older = compile_condition("age(at) >= 18", {"at": "datetime"}, new_york)
    assert older(scope({"at": datetime(2008, 6, 2, 1, tzinfo=UTC)}, new_york))


def test_a_division_by_zero_has_no_answer():
    with pytest.raises(Unanswered, match="divides by zero"):
        holds("5 / loan > 1", loan=Decimal(0))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("emial == 'a'", 'there is no field "emial". Did you mean "email"?'),
        ("xyz == 'a'", "The fields are email, irpid, loan, born, consent"),
        ("irpid == 1234", "irpid is a text and never equals the number 1234; write '1234' in quotes"),
        ("irpid in ['1', 2]", "never equals the number 2"),
        ("loan > '5'", "loan is a number and never equals the text '5'; write it without quotes"),
        ("born < '2000-01-01'", "born is a date and cannot be compared with a text"),
        ("age(email) < 18", "age takes a date field"),
        ("domain(loan) == 'x'", "domain takes an email field"),
        ("loan = 5", "write == to compare"),
        ("consent and loan > '5'", "loan is a number and never equals the text '5'"),
        ("consent and loan in irpid", "loan is a number and cannot be compared with a text"),
        ("consent == 'yes'", "consent is true or false: write consent, or not consent"),
        ("age(born) == '18'", "the left side is a number and never equals the text '18'"),
        ("loan == irpid", "loan is a number and cannot be compared with a text"),
        ("irpid == -5", "irpid is a text and cannot be compared with a number"),
        ("born == today", "today is a function: write today()"),
        ("irpid == ''", "an empty field is missing: write irpid is missing"),
        ("irpid == 'a' or 'b'", "'b' alone is always true"),
        ("irpid is none", 'there is no "none" here'),
        ("irpid|dictsort", 'there is no "dictsort" here'),
        ("age() < 18", "age is not given what it takes"),
        ("loan > " + "9" * 5000, "is too long"),
        (" or ".join(["irpid == 'x'"] * 300), "is too long: use in ['a', 'b']"),
        ("loan >", "cannot be read as a condition"),
        ("loan > 5 AND consent", "write and, or, not, in and is in small letters"),
        ("irpid = 'IN'", "write == to compare"),
        ("loan > 700,000", "write numbers without commas"),
        ("irpid == None", "there is no none here: write is missing, or is present"),
        ("irpid == “a”", "use straight quotes"),
        ("age(born < 18", "it ends too early: a bracket, a quote or the right side is missing"),
        ("", "cannot be read as a condition"),
        ("email is presnt", 'there is no "presnt" here. Did you mean "present"?'),
        ("email.nothing", "takes a part of a value that is not there"),
        ("email.__class__", "takes a part of a value that is not there"),
        ("range(10)", "there is no field"),
    ],
)
def test_a_condition_that_cannot_be_used_says_why(source, sentence):
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, KINDS, NOW)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f'"{source[:60]}')
