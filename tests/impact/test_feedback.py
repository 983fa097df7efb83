"""What sales says of a lead: what is understood, what is refused, and what adds nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from cast import NOW, program, scans, statements, submit

import database
from impact import feedback, forgetting, proposals
from impact.feedback import FeedbackError, Said, Statement
from impact.ledger import Outcome, Reversal
from leads import erasure, retention
from models import Lead

SOLAR = program("""
currency: USD
fields: {a: {}}
impact:
  campaign: 1000
  event_type: 2240
  reversals:
    within: 36500 days
    reasons: {wrong number: CONS_INFO_INVALID, fake: CONS_FRAUD}
""")
PLAIN = program("fields: {a: {}}")


def lead(at=NOW, **columns):
    """Store a valid lead of the program, and return its id."""
    made = submit(at=at, program="solar").id
    if columns:
        database.transact(Lead.update(**columns).where(Lead.id == made).execute)
    return made


def say(lead_id, outcome, reason="", value="", by="crm", of=SOLAR):
    return feedback.say(of, lead_id, outcome, reason, value, by)


def rows(lead_id):
    """Return what was said of a lead, the oldest first."""
    with database.read():
        return [(row.outcome, row.reason, row.value) for row in feedback.outcomes(lead_id)][::-1]


def states():
    with database.read():
        return {row.lead: row.state for row in Reversal.select()}


def refusal(*said, **options):
    with pytest.raises(FeedbackError) as caught:
        say(*said, **options)
    return caught.value.status, caught.value.code


# --- What is understood ---


def test_what_is_said_is_kept_with_who_said_it(ledger):
    one = lead(partner="10000")
    noted = say(one, "sold", value="1200.50")
    assert noted.added and not noted.proposed and noted.meant == ("sold", "", Decimal("1200.50"))
    with database.read():
        (row,) = feedback.outcomes(one)
    assert (row.program, row.partner, row.said_by, row.test) == ("solar", "10000", "crm", False)
    assert (row.outcome, row.reason, row.value) == ("sold", "", Decimal("1200.50"))


@pytest.mark.parametrize("outcome", ["contacted", " Contacted ", "CONTACTED"])
def test_outcomes_are_read_in_any_case_with_blanks_around_them(ledger, outcome):
    assert say(f" {lead().lower()} ", outcome).meant.outcome == "contacted"


def test_a_reason_is_read_in_any_case(ledger):
    assert say(lead(), "bad", " Wrong  NUMBER").meant.reason == "wrong number"


@pytest.mark.parametrize(
    ("text", "value"), [("1,200.50", "1200.50"), ("$1200", "1200.00"), ("0", "0.00"), ("999999999999.99",) * 2]
)
def test_a_value_is_read_as_people_write_it(ledger, text, value):
    one = lead()
    say(one, "sold", value=text)
    assert rows(one) == [("sold", "", Decimal(value))]


def test_no_value_is_less_than_nothing(ledger):
    assert str(say(lead(), "sold", value="-0").meant.value) == "0.00"


@pytest.mark.parametrize("text", ["0", "0.00", " $0 ", "", "  "])
@pytest.mark.parametrize("outcome", ["contacted", "bad"])
def test_a_value_of_nothing_is_passed_over_where_nothing_was_sold(ledger, outcome, text):
    assert say(lead(), outcome, value=text).meant.value is None


# --- What is refused ---


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("", ""), (422, "unknown_outcome")),
        (("returned", ""), (422, "unknown_outcome")),
        (("bad", "too far away"), (422, "unknown_reason")),
        (("sold", "fake"), (422, "reason_not_bad")),
        (("bad", "fake", "12"), (422, "value_not_sold")),
        (("sold", "", "much"), (422, "bad_value")),
        (("sold", "", "-1"), (422, "bad_value")),
        (("sold", "", "1.005"), (422, "bad_value")),
        (("sold", "", "1.234"), (422, "bad_value")),
        (("sold", "", "1000000000000"), (422, "bad_value")),
        (("sold", "", "9" * 41), (422, "bad_value")),
    ],
)
def test_what_cannot_be_understood_is_refused_and_adds_nothing(ledger, said, expected):
    one = lead()
    assert refusal(one, *said) == expected
    assert rows(one) == []


def test_a_program_without_reasons_takes_bad_alone(ledger):
    one = lead()
    assert refusal(one, "bad", "fake", of=PLAIN) == (422, "unknown_reason")
    assert say(one, "bad", of=PLAIN).added


@pytest.mark.parametrize("lead_id", ["0" * 26, "x", "\0", "é" * 26, "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_a_lead_that_there_is_not_is_unknown(ledger, lead_id):
    assert refusal(lead_id, "sold") == (404, "unknown_lead")


def test_a_lead_of_another_program_is_as_unknown_as_one_that_there_is_not(ledger):
    other = submit().id
    with pytest.raises(FeedbackError) as theirs:
        say(other, "sold")
    with pytest.raises(FeedbackError) as nobodys:
        say("0" * 26, "sold")
    assert str(theirs.value) == str(nobodys.value) and theirs.value.status == 404


def test_a_lead_that_was_answered_invalid_has_no_outcome(ledger):
    assert refusal(lead(valid=False), "bad", "fake") == (422, "not_valid")


def test_no_message_holds_what_was_sent(ledger):
    one = lead()
    for said in [("S3CR3T", "sold"), (one, "S3CR3T"), (one, "bad", "S3CR3T"), (one, "sold", "", "S3CR3T")]:
        with pytest.raises(FeedbackError) as caught:
            say(*said)
        assert "s3cr3t" not in str(caught.value).lower()


# --- Again, and otherwise ---


def test_the_same_again_adds_nothing(ledger):
    one = lead()
    assert say(one, "sold", value="5").added
    assert not say(one, "SOLD", value="$5.00", by="somebody else").added
    assert len(rows(one)) == 1


def test_another_reason_or_value_is_added(ledger):
    one = lead()
    assert say(one, "sold").added and say(one, "sold", value="5").added
    assert say(one, "bad").added and say(one, "bad", "fake").added


def test_who_changes_his_mind_twice_adds_three_rows_in_their_order(ledger):
    one = lead()
    for outcome in ("bad", "sold", "bad"):
        assert say(one, outcome).added
    assert [outcome for outcome, *_ in rows(one)] == ["bad", "sold", "bad"]


def test_of_many_who_say_the_same_at_once_one_adds_a_row(ledger):
    one = lead()
    with ThreadPoolExecutor(8) as pool:
        added = [noted.added for noted in pool.map(lambda _: say(one, "bad", "fake"), range(16))]
    assert added.count(True) == 1
    assert len(rows(one)) == 1


def test_many_who_speak_of_the_same_leads_in_another_order_do_not_stand_in_each_others_way(ledger):
    leads = [lead() for _ in range(10)]

    def take(turn):
        said = [Statement(one, "contacted" if turn % 2 else "sold") for one in (leads, leads[::-1])[turn % 2]]
        return database.transact(lambda: feedback.take(said, {"solar": SOLAR}.get, "crm"))

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(take, range(8)))
    assert all(noted.meant for result in results for noted in result)


def test_several_lines_of_one_lead_are_taken_once_however_often_they_come(ledger):
    one, other = lead(), lead()
    said = [Statement(one, "contacted"), Statement(other, "bad"), Statement(one, "sold"), Statement(one, "sold")]

    def take():
        return [noted.added for noted in database.transact(lambda: feedback.take(said, {"solar": SOLAR}.get, "crm"))]

    assert take() == [True, True, True, False]
    assert take() == [False] * 4
    assert [outcome for outcome, *_ in rows(one)] == ["contacted", "sold"]


# --- Reversals ---


def test_a_bad_lead_with_a_reason_is_proposed_for_reversal(ledger):
    one = lead()
    assert say(one, "bad", "fake").proposed
    assert states() == {one: "proposed"}


def test_a_bad_lead_without_a_reason_is_not_proposed(ledger):
    assert not say(lead(), "bad").proposed
    assert states() == {}


def test_who_says_it_again_learns_that_it_is_proposed(ledger):
    one = lead()
    say(one, "bad", "fake")
    again = say(one, "bad", "fake")
    assert again.proposed and not again.added


def test_a_lead_that_is_bad_no_more_is_proposed_no_more(ledger):
    one = lead()
    say(one, "bad", "fake")
    assert not say(one, "sold").proposed
    assert states() == {}


def test_what_an_operator_approved_is_his_to_withdraw(ledger):
    one = lead()
    say(one, "bad", "fake")
    database.transact(Reversal.update(state="approved").execute)
    say(one, "sold")
    assert states() == {one: "approved"}


def test_what_an_operator_proposed_of_a_lead_that_sales_did_not_call_bad_stays(ledger):
    one = lead()
    with database.read():
        row = Lead.get_by_id(one)
    database.transact(lambda: proposals.propose(SOLAR, row, "fake", "ann"))
    say(one, "contacted"), say(one, "sold")
    assert states() == {one: "proposed"}


def test_a_proposal_has_the_reason_that_sales_gave_last(ledger):
    one = lead()
    say(one, "bad", "fake")
    assert say(one, "bad", "wrong number").proposed
    with database.read():
        row = Reversal.get_by_id(one)
    assert (row.state, row.reason, row.code) == ("proposed", "wrong number", "CONS_INFO_INVALID")


# --- Figures ---


def test_of_each_lead_what_was_said_last_counts(ledger):
    first, second, third, fourth = (lead(partner="10000") for _ in range(4))
    say(first, "contacted"), say(first, "sold", value="100.10")
    say(second, "sold", value="0.20"), say(third, "bad"), say(fourth, "qualified")
    other = lead(partner="20000")
    say(other, "contacted")
    with database.read():
        found = feedback.figures(SOLAR, NOW, NOW + timedelta(days=1))
    assert found["10000"] == Said(qualified=1, sold=2, bad=1, value=Decimal("100.30"))
    assert (found["10000"].answered, found["10000"].reached) == (4, 3)
    with database.read():
        of_one = feedback.figures(SOLAR, NOW, NOW + timedelta(days=1), "20000")
    assert found["20000"] == Said(contacted=1) and of_one == {"20000": found["20000"]}


def test_tests_and_leads_of_other_times_and_programs_do_not_count(ledger):
    test, early, late = lead(test=True), lead(at=NOW - timedelta(hours=1)), lead(at=NOW + timedelta(days=1))
    for one in (test, early, late):
        assert say(one, "sold").added
    with database.read():
        assert feedback.figures(SOLAR, NOW, NOW + timedelta(days=1)) == {}
        assert feedback.figures(program("fields: {a: {}}"), NOW, NOW) == {}


def test_no_figure_reads_a_whole_table(ledger):
    with database.read(), statements() as seen:
        feedback.figures(SOLAR, NOW, NOW + timedelta(days=1))
        for sql, params in list(seen):
            assert scans(sql, params) == []


# --- What is forgotten ---


def test_of_deleted_leads_what_is_still_to_be_reversed_is_kept(ledger):
    gone, waits, done = lead(), lead(), lead()
    for one in (gone, waits, done):
        say(one, "bad", "" if one == gone else "fake")
    database.transact(Reversal.update(state="done").where(Reversal.lead == done).execute)
    database.transact(lambda: forgetting.forget_leads([gone, waits, done]))
    with database.read():
        assert [row.lead for row in Outcome.select()] == [waits]


def test_a_partner_who_is_a_person_is_forgotten(ledger):
    one = lead(partner="ann@example.com")
    say(one, "bad", "fake")
    database.transact(lambda: forgetting.forget_partner("solar", "ann@example.com"))
    with database.read():
        assert [row.partner for table in (Outcome, Reversal) for row in table.select()] == ["", ""]


def test_what_was_said_goes_with_a_lead_that_is_deleted_by_age(ledger):
    old, young = lead(at=NOW - timedelta(days=9)), lead(at=NOW)
    for one in (old, young):
        say(one, "sold")
    kept = program("fields: {a: {}}\nprivacy: {delete_after: 7 days}")
    retention.purge(kept, NOW + timedelta(days=1), lambda _leads: None)
    with database.read():
        assert [row.lead for row in Outcome.select()] == [young]


def test_what_was_said_stays_when_a_person_is_erased_and_tells_nobody(ledger):
    one = lead(partner="ann@example.com", email="ann@example.com")
    say(one, "bad", "fake")
    erasure.erase([erasure.Found(one, "solar")], erasure.with_email("ann@example.com"), "email")
    with database.read():
        (row,) = feedback.outcomes(one)
    assert (row.outcome, row.partner) == ("bad", "")
