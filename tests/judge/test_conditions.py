"""Conditions: what they say of a lead, and what they say to the person who wrote them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.conditions import ConditionError, compile_condition
from judge.ranges import read
from judge.scope import Unanswered, scope
from judge.values import Text

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KINDS = {"email": "text", "irpid": "text", "loan": "number", "born": "date", "consent": "boolean", "at": "datetime"}
KINDS |= {"credit": "range", "ages": "list of number", "tags": "list of text"}
LEAD = {
    "email": Text("Ann@example.com"),
    "irpid": Text("1234"),
    "loan": Decimal("250000.00"),
    "born": date(2008, 3, 2),
    "consent": True,
    "at": NOW,
}


def holds(source, **lead):
    return compile_condition(source, KINDS)(scope(lead, NOW))


@pytest.mark.parametrize(
    "source",
    [
        "loan == 250000", "loan * 0.1 == 25000", "loan - 0.1 < 249999.95", "loan / 3 > 83333.3",
        "age(born) < 18", "age(born) == 17", "days_since(born) == 6573",
        "email == 'ANN@EXAMPLE.COM'", "domain(email) == 'Example.com'", "'ann' in email",
        "irpid in ['1234', '9876']", "irpid not in ['1', '2']", "consent", "not (loan < 5 or irpid == '1')",
        "email is present and born is present", "at == now()", "loan == 250000.00000000000000000000000000000",
        "loan / 3 + 0.5 > 1 / 3", "-(loan - 1) == -249999", "240000 < loan <= 250000 == loan", "loan == 2_5e4",
        "email != 'bob@example.com'", "not email != 'ANN@example.com'", "'1234' in irpid", "loan in [1, -2, 25e4]",
        "starts_with(email, 'ANN@')", "ends_with(email, '.COM')", "contains(email, 'Example')",
        "not contains(email, irpid)", "first(email, 3) == 'ann'", "last(irpid, 2) == '34'", "last(irpid, 9) == '1234'",
        "length(irpid) == 4", "year(born) == 2008", "year(at) + 0 == year(today())", "weekday() in ['Sat', 'Sun']",
        "born < '2008-03-03'", "'2008-03-02' == born", "born in ['2008-03-02', '2000-01-01']",
        "born < date('2010-01-01')", "today() not in [date('2026-12-25')]", "age(at) == 0",
        "days_since(date('2026-02-01')) == 28",
        "(loan > 5) == consent", "consent == true", "irpid in ('1', '1234')",
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
    for source in ["starts_with(irpid, 'X')", "ends_with(irpid, 'Z')", "irpid < 'ZZ'", "irpid >= 'XYZ'"]:
        assert holds(source, irpid=Text("xyz"))


def test_an_age_is_counted_in_the_time_zone_of_the_program():
    new_york = datetime(2026, 6, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    older = compile_condition("age(at) >= 18", {"at": "datetime"})
    assert older(scope({"at": datetime(2008, 6, 2, 1, tzinfo=UTC)}, new_york))


def test_a_division_by_zero_has_no_answer():
    with pytest.raises(Unanswered, match="divides by zero"):
        holds("5 / loan > 1", loan=Decimal(0))
    assert holds("5 / loan > 1 or loan == 0", loan=Decimal(0))


def test_a_moment_at_the_edge_of_the_calendar_has_no_year_in_another_time_zone():
    new_york = datetime(2026, 6, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    with pytest.raises(Unanswered, match="out of range"):
        compile_condition("year(at) > 1", KINDS)(scope({"at": datetime(1, 1, 1, tzinfo=UTC)}, new_york))


def test_whole_numbers_are_divided_exactly():
    assert holds("loan / 3 == 1 / 3", loan=1)
    assert holds("length(irpid) / 10 == 0.3", irpid=Text("abc"))


def test_a_field_may_be_named_like_a_function():
    lead = scope({"year": Decimal(1999), "born": date(2008, 3, 2), "first": Text("ann")}, NOW)
    kinds = KINDS | {"year": "number", "first": "text", "today": "boolean"}
    assert compile_condition("year == 1999 and year(born) == 2008 and first(first, 1) == 'A'", kinds)(lead)
    assert compile_condition("today is missing and today() > born", kinds)(lead)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("emial == 'a'", 'there is no field "emial". Did you mean "email"?'),
        ("xyz == 'a'", "The fields are email, irpid, loan, born, consent"),
        ("irpid == 1234", "irpid is a text and never equals the number 1234; write '1234' in quotes"),
        ("irpid in ['1', 2]", "never equals the number 2"),
        ("loan > '5'", "loan is a number and never equals the text '5'; write it without quotes"),
        ("born < '01/02/2000'", "born is a date and cannot be compared with a text; write the day as '2026-12-31'"),
        ("born == '2026-02-30'", "born is a date and cannot be compared with a text"),
        ("irpid == born", "irpid is a text and cannot be compared with a date"),
        ("at > '01/02/2026'", "at is a date and time, and is compared with a day: write it as '2026-12-31'"),
        ("at > 5", "at is a datetime and cannot be compared with a number"),
        ("loan in loan", "in takes a list or a text, and loan is a number"),
        ("irpid in ['1', email]", "a list holds texts, numbers or dates, and nothing else: write a == b or a == c"),
        ("irpid + 'a' == 'b'", "+ takes numbers, and irpid is a text"),
        ("irpid * 3 == 'b'", "* takes numbers, and irpid is a text"),
        ("-email == 'b'", "- takes numbers, and email is a text"),
        (
            "today() - born > 5",
            "- takes numbers, and today() is a date; for the days since a date write days_since(a_date)",
        ),
        ("consent == consent == consent", "only numbers, dates and texts stand in a chain"),
        ("irpid in ['1'] == consent", "only numbers, dates and texts stand in a chain"),
        ("starts_with(loan, '1')", "starts_with takes a text and another text: write starts_with(phone, '+1')"),
        ("contains(irpid, '')", "contains takes a text and another text"),
        ("first(irpid, loan) == 'a'", "first takes a text and a whole number of characters: write first(zip, 3)"),
        ("last(irpid, 0.5) == 'a'", "last takes a text and a whole number of characters: write last(phone, 4)"),
        ("date(irpid) == born", "date takes a day in quotes: write date('2026-12-31')"),
        ("age('2000-01-01') > 5", "age takes a date field"),
        ("today(born) == born", "today is not given what it takes: write today()"),
        ("length(text=irpid) == 5", "length is not given what it takes"),
        ("born == weekday", "weekday is a function: write weekday()"),
        ("lenght(irpid) == 5", 'there is no function "lenght". Did you mean "length"?'),
        ("(loan > 5) is present", "is present stands behind a field: write email is present"),
        ("email is present('x')", "is present stands behind a field"),
        ("email == '\x00'", "a text in it holds a control character"),
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
        ("range(10)", 'there is no function "range"'),
        ("loan + 1", "is a number, and neither true nor false: compare it with something"),
        ("weekday()", "weekday() is a text, and neither true nor false"),
        ("consent and not length(email)", "length(email) is a number, and neither true nor false"),
    ],
)
def test_a_condition_that_cannot_be_used_says_why(source, sentence):
    refused(source, sentence)


def refused(source, sentence):
    with pytest.raises(ConditionError) as caught:
        compile_condition(source, KINDS)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f'"{source[:60]}')


# --- What conditions took once, and what nobody may do to the service ---


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ("irpid.startswith('+1')", "write starts_with(irpid, '+1')"),
        ("domain(email).endswith('.edu')", "write ends_with(domain(email), '.edu')"),
        ("email.find('x') == 0", "write contains(email, 'x')"),
        ("email.lower() == 'a'", "texts are compared without regard to case, so leave it out"),
        ("today().year == 2026", "write year(today())"),
        ("today().weekday() == 5", "write weekday() in ['Sat', 'Sun']"),
        ("now().hour == 12", "write open: [08:00-20:00] for hours"),
        ("email.nothing", ".nothing cannot follow a value: there are the functions age, "),
        ("email.__class__", ".__class__ cannot follow a value"),
        ("email['a']", "write first(email, 3) or last(email, 4)"),
        ("email[:3] == 'ann'", "write first(email, 3)"),
        ("email[-4:] == '.com'", "write last(email, 4)"),
        ("email|length > 5", "write length(email)"),
        (
            "irpid|upper in ['1']",
            'there is no "upper" here: texts are compared without regard to case, so leave it out',
        ),
        ("irpid|trim == 'a'", "so leave it out"),
        ("loan|abs > 5", "write loan < -5 or loan > 5"),
        ("loan|round == 5", "write 4.5 <= loan < 5.5"),
        ("loan ** 2 > 5", "there is no ** here: write it with *"),
        ("loan // 2 > 5", "there is no // here: write it with /"),
        ("loan % 2 == 1", "there is no % here: only + - * and / compute"),
        ("'%d' % loan == '1'", "there is no % here"),
        ("irpid ~ 'x' == '1x'", "there is no ~ here: compare each text by itself, and join them by and"),
        ("loan > 3 if irpid == '1' else true", "there is no if and else here: write it with and, or and not"),
        ("loan > +5", "a number has no + before it: leave it out"),
        ("irpid == ['1', '2']", "a list stands behind in, as in field in ['a', 'b']"),
        ("('a', 'b') == irpid", "a list stands behind in"),
        ("{'a': 1}", "there are no { } here"),
        ("(email|length)(3)", "write length(email)"),
        ("email[1](3)", "nothing in brackets can follow a value"),
        ("5(3)", "nothing that a condition can hold"),
        ("irpid in ['12' '34']", "'12' and '34' stand side by side: put a comma between them"),
        ("irpid == 'a\\nb'", "in 'a\\nb' a \\ stands before a letter"),
        ("irpid in '12,34'", "behind in stands a list: write irpid in ['12,34'], or irpid == …"),
        ("irpid in ('12')", "behind in stands a list: write irpid in ['12']"),
        ("irpid in []", "the list behind in is empty"),
        ("consent < true", "consent is true or false, and neither is more: write == or !="),
        ("email is present()", "is present stands behind a field, without brackets"),
        ("email[0] == 'a'", "write first(email, 1) for the start of a text"),
    ],
)
def test_a_part_that_is_not_taken_any_more_is_refused_with_the_word_for_it(source, instead):
    refused(source, instead)


NESTED = "loan"
for _ in range(40):
    NESTED = f"(0 < {NESTED} < 9)"


@pytest.mark.parametrize(
    "source",
    [
        "today().toordinal() ** (today().toordinal() * today().year) > 5",
        "email.ljust(300000000) == 'a'",
        "(email|length) ** (email|length) ** (email|length) > 5",
        "'%999999999d' % loan == 'a'", "email * 999999999 == 'a'", "'a' * 999999999 == email",
        "email.__class__.__mro__[1].__subclasses__()", "loan > 1e999999", "loan > 1e100", "loan > 0xff",
        f"loan > {'9' * 400}", f"loan > 0.{'1' * 400}", f"loan > 1{'_1' * 100_000}",
        f"loan > {'+'.join(['loan'] * 110)}", f"loan > {'+'.join(['loan'] * 100_000)}", f"{'(' * 100_000}",
        f"{'(' * 300}loan{')' * 300} > 5", f"{'-' * 300}loan > 5", f"{'not ' * 300}consent", f"{'[' * 5_000}",
        "{" * 5_000,
        f"irpid in [{'1,' * 200_000}]", f"irpid == '{'a' * 300_000}'", f"irpid == {chr(39) * 9_000}", "a" * 300_000,
        f"loan{'.a' * 4_000}", f"loan{'()' * 4_000}", f"loan{'|length' * 1_000}", f"}}}}{'{' * 9_000}", NESTED,
        f"consent{' == consent' * 40}",
    ],
    ids=lambda source: source[:30],
)  # fmt: skip
def test_what_would_cost_much_is_refused_before_it_costs_anything(source):
    refused(source, "")


def test_what_is_computed_does_not_grow():
    product = " * ".join(["loan"] * 45)
    assert holds(f"{product} > {product} / 9e99", loan=Decimal("9" * 38 + "e99"))
    with pytest.raises(Unanswered):  # its smallest number is greater than this
        holds(f"1 / ({' / '.join(['loan'] * 20)} - {' / '.join(['loan'] * 20)}) > 5", loan=Decimal("9" * 38 + "e99"))


# --- Every expression, on every lead ---

NEW_YORK = NOW.astimezone(ZoneInfo("America/New_York"))
CONSTANTS = {
    "number": ["0", "1", "2.50", "9e99", "1e-99", "9" * 38],
    "text": ["'a'", "'ANN'", "'@'", "'é'"],
    "date": ["date('0001-01-01')", "date('9999-12-31')", "date('2008-02-29')"],
}
VALUES = {
    "loan": st.sampled_from([0, 1, -5, Decimal("0.00"), Decimal("9" * 38 + "e99"), Decimal("-1e-99")]),
    "email": st.sampled_from(["ann@example.com", "a", "@", "é" * 50]).map(Text),
    "irpid": st.sampled_from(["77", "ann"]).map(Text),
    "born": st.sampled_from([date.min, date.max, date(2008, 2, 29), NOW.date()]),
    "at": st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), NOW]),
    "consent": st.booleans(),
    "credit": st.sampled_from(["600-649", "-580", "500-", "0"]).map(read),
    "ages": st.lists(st.sampled_from([17, 34, Decimal("0.5")]), min_size=1, max_size=3).map(tuple),
    "tags": st.lists(st.sampled_from(["a", "77"]).map(Text), min_size=1, max_size=3).map(tuple),
}
leads = st.fixed_dictionaries({}, optional=VALUES)
text = st.sampled_from(["email", "irpid", "weekday()", "domain(email)", *CONSTANTS["text"]])
text |= st.builds("{}({}, {})".format, st.sampled_from(["first", "last"]), text, st.integers(1, 9999))
day = st.sampled_from(["born", "at"])
number = st.sampled_from(["loan", "-loan", *CONSTANTS["number"]]) | st.builds("length({})".format, text)
number |= st.sampled_from(["min(ages)", "max(ages)", "count(ages)", "count(tags)"])
number |= st.builds("{}({})".format, st.sampled_from(["age", "days_since", "year"]), day)
number |= st.sampled_from(["low(credit)", "high(credit)"])
number = st.recursive(
    number, lambda part: st.builds("({} {} {})".format, part, st.sampled_from("+-*/"), part), max_leaves=4
)
dates = st.sampled_from(["born", "at", "today()", "now()", *CONSTANTS["date"]])

sign = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
comparison = st.one_of(
    *[st.builds("{} {} {}".format, side, sign, side) for side in (number, text, dates)],
    st.builds("{} {} {} {} {}".format, number, sign, number, sign, number),
    st.builds("{} {} '2008-02-29'".format, day, sign),
    st.builds("{} in ['2008-02-29', '2026-03-01']".format, day),
    st.builds("{} in [{}, {}]".format, text, *[st.sampled_from(CONSTANTS["text"])] * 2),
    st.builds("{} not in [{}, -3]".format, number, st.sampled_from(CONSTANTS["number"])),
    st.builds("{} in {}".format, text, text.filter(lambda whole: whole[0] != "'")),
    st.builds("{} in {}".format, number, st.just("ages")) | st.builds("{} in {}".format, text, st.just("tags")),
    st.builds("{}({}, {})".format, st.sampled_from(["starts_with", "ends_with", "contains"]), text, text),
    st.builds("{} is {}".format, st.sampled_from([*VALUES]), st.sampled_from(["present", "missing"])),
    st.sampled_from(["consent", "at < now()", "true", "low(credit) is present", "credit == '600 to 649'"]),
)
trees = st.recursive(
    comparison,
    lambda tree: st.tuples(st.just("not"), tree) | st.tuples(st.sampled_from(["and", "or"]), tree, tree),
    max_leaves=8,
)


def answer(source, lead):
    """Return true, false or, where there is no answer, None."""
    try:
        return compile_condition(source, KINDS)(scope(lead, NEW_YORK))
    except Unanswered:
        return None


def written(tree):
    match tree:
        case ("not", inner):
            return f"not ({written(inner)})"
        case (word, left, right):
            return f"({written(left)}) {word} ({written(right)})"
    return tree


def expected(tree, lead):
    """What three-valued logic says, each comparison being answered by itself."""
    match tree:
        case ("not", inner):
            inner = expected(inner, lead)
            return None if inner is None else not inner
        case (word, left, right):
            sides, decides = {expected(left, lead), expected(right, lead)}, word == "or"
            return decides if decides in sides else None if None in sides else not decides
    return answer(tree, lead)


@given(trees, leads)
@settings(deadline=None)
def test_every_expression_is_true_false_or_without_answer_for_every_lead(tree, lead):
    assert answer(written(tree), lead) is expected(tree, lead)
    assert answer(written(tree), lead) in (True, False, None)
