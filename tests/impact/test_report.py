"""Reports of actions as impact.com exports them: read without guessing, and no more is judged than they cover."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from reconciling import RULES, Brand

import database
from impact import byfile, report
from impact.ledger import Action
from impact.reportvalues import DateForm, ReportError, money, state

HEAD = "Action Id,Oid,State,Amount,Currency,Event Date\n"


def table(text):
    return report.read_table(text.encode() if isinstance(text, str) else text)


def read(brand, text, dates=None):
    made = table(text)
    return report.read(made, report.guess(made.columns), brand.program, dates)


def use(brand, text, dates=None, now=None, **options):
    made = table(text)
    with brand.app.app_context():
        options = {"now": now or brand.now} | options
        return byfile.reconcile_file(brand.made, brand.program, made, report.guess(made.columns), dates, **options)


def row(lead, day="2026-11-27", id=None, state="Pending", amount="10.00"):
    return f"{id or f'1000.1.{lead[-8:]}'},{lead},{state},{amount},USD,{day}\n"


# --- Values ---


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$1,234.50", "1234.50"), ("1234.5", "1234.5"), ("(12.00)", "-12.00"), ("-$3", "-3"), ("USD 10.00", "10.00"),
        ("1.234,50 €", "1234.50"), ("12,50", "12.50"), ("1,234", "1234"), (".88", ".88"),
    ],
)  # fmt: skip
def test_money_is_read_as_people_write_it(text, amount):
    assert money(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["ten", "1.2.3", "1,23,4", "12-11-2026"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ReportError, match="an amount"):
        money(text)
    assert money("") is None


def test_states_are_read_in_each_spelling():
    words = ("Pending", "APPROVED", "locked", "Paid", " Reversed ")
    assert [*map(state, words)] == ["PENDING", "APPROVED", "APPROVED", "APPROVED", "REVERSED"]
    with pytest.raises(ReportError, match="right column"):
        state("10.00")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-02", 2), ("2026-11-02T10:00:00-05:00", 2), ("2026-11-02 10:00:00", 2), ("11/02/2026", 2),
        ("11/2/2026 3:05 PM", 2), ("Nov 2, 2026", 2), ("2 November 2026", 2), ("11/02/2026 15:05:01 UTC", 2),
    ],
)  # fmt: skip
def test_days_are_read_as_reports_write_them(text, day):
    assert DateForm().read(text).replace(tzinfo=None, hour=0, minute=0, second=0) == datetime(2026, 11, day)


def test_which_number_is_the_month_is_decided_by_any_day_of_the_file():
    assert not DateForm.of(["02/11/2026", "02/13/2026"]).day_first
    assert DateForm.of(["02/11/2026", "13/02/2026"]).day_first
    assert DateForm.of(["02.11.2026"]).day_first


@pytest.mark.parametrize("days", [["02/11/2026", "03/11/2026"], ["13/02/2026", "02/13/2026"]])
def test_days_that_may_be_of_two_months_are_refused(days):
    with pytest.raises(ReportError, match=r"--dates MM/DD/YYYY|export the report again"):
        DateForm.of(days)
    assert DateForm.of(days, "DD/MM/YYYY").day_first


# --- Files ---


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + HEAD.encode() + b"1,L,Paid,1.00,USD,2026-11-27\r\n",
        HEAD.replace(",", ";").encode() + b'1;L;Paid;"1,00";USD;2026-11-27\n\n',
        (HEAD + "1,L,Paid,1.00,USD,2026-11-27\n").replace(",", "\t").encode("utf-16"),
    ],
)
def test_files_of_each_kind_are_read(brand, body):
    (seen,) = read(brand, body).seen
    assert (seen.id, seen.oid, seen.state, seen.amount) == ("1", "L", "APPROVED", Decimal(1))


def test_a_mistake_names_its_line(brand):
    with pytest.raises(ReportError, match=r"line 3: its state"):
        read(brand, HEAD + row("A") + row("B", state="?"))
    with pytest.raises(ReportError, match="has no actions"):
        read(brand, HEAD)
    with pytest.raises(ReportError, match="empty"):
        table("\n")


def test_the_columns_are_guessed_from_usual_names():
    found = report.guess(
        ["Action ID", "Order Id", "Status", "Sale Amount", "Action Date", "Locking Date", "Media Partner Id"]
    )
    assert found == {
        "oid": "Order Id", "event_at": "Action Date", "id": "Action ID", "state": "Status", "amount": "Sale Amount",
        "media_partner": "Media Partner Id", "locking_at": "Locking Date",
    }  # fmt: skip


def test_the_last_day_counts_whole_in_the_programs_time_zone(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), RULES + "timezone: America/New_York\n")
    found = read(brand, HEAD + row("A", "2026-11-01") + row("B", "2026-11-20 09:00"))
    assert found.since == datetime(2026, 11, 1, 4, tzinfo=UTC) and found.until == datetime(2026, 11, 21, 5, tzinfo=UTC)


def test_rows_of_other_event_types_are_passed_over(brand):
    text = "Oid,Event Date,Event Type Id\nA,2026-11-02,2240\nB,2026-11-09,7\n"
    assert [seen.oid for seen in read(brand, text).seen] == ["A"]


# --- What is found by them ---


def test_a_report_finds_what_does_not_fit(brand):
    fits, missing, other = (brand.lead(days=3) for _ in range(3))
    brand.lead(days=9)
    result = use(brand, HEAD + row(fits) + row(other, amount="11.00") + row("NOBODY"))
    assert result.actions == 3
    assert brand.open() == [("amount_differs", other), ("no_conversion", missing), ("unknown_here", "NOBODY")]


def test_a_report_closes_nothing_of_other_days(brand):
    lead = brand.lead(days=20)
    use(brand, HEAD + row("A", "2026-11-09") + row("A2", "2026-11-11", "2"))
    assert ("no_conversion", lead) in brand.open()
    use(brand, HEAD + row(brand.lead(days=3)))
    assert ("no_conversion", lead) in brand.open()
    use(brand, HEAD + row(lead, "2026-11-10", "9"))
    assert ("no_conversion", lead) not in brand.open()


def test_what_came_after_the_file_was_written_is_not_judged(brand):
    fits, _late = brand.lead(days=3), brand.lead(days=3)
    use(brand, HEAD + row(fits), written_at=brand.now - timedelta(days=3, minutes=1))
    assert brand.open() == []


def test_an_older_report_sets_no_state_back(brand):
    lead = brand.lead(days=3)
    use(brand, HEAD + row(lead, id="1", state="Reversed") + row("X", "2026-11-28"))
    use(brand, HEAD + row(lead, id="1", state="Pending"))
    assert brand.state("1") == "REVERSED"
    use(brand, HEAD + row(lead, id="1", state="Pending") + row("X", "2026-11-28"))
    assert brand.state("1") == "REVERSED"
    use(brand, HEAD + row(lead, id="1", state="Approved") + row("X", "2026-11-29"))
    assert brand.state("1") == "APPROVED"


def test_without_ids_the_order_id_stands_in_until_the_id_is_known(brand):
    lead = brand.lead(days=3)
    bare = "Oid,State,Event Date\n" + f"{lead},Pending,2026-11-27\n"
    use(brand, bare)
    assert ids() == [f"oid:{lead}"]
    use(brand, HEAD + row(lead, id="1"))
    use(brand, bare)
    assert ids() == ["1"] and brand.open() == []
    use(brand, bare + f"{lead},Pending,2026-11-27\n")
    assert [kind for kind, _ in brand.open()] == ["twice"]


def ids():
    with database.read():
        return sorted(row.id for row in Action.select())


def test_what_a_report_does_not_tell_stays_as_it_is_known(brand):
    lead = brand.lead(days=3)
    use(brand, HEAD + row(lead, id="1", state="Reversed", amount="12.00"))
    use(brand, f"Action Id,Oid,Event Date\n1,{lead},2026-11-27\n")
    with database.read():
        one = Action.get_by_id("1")
    assert (one.state, one.amount, one.currency) == ("REVERSED", Decimal(12), "USD")


def test_how_far_it_goes_is_noted_and_never_goes_back(brand):
    use(brand, HEAD + row("A", "2026-11-09") + row("B", "2026-11-20"))
    use(brand, HEAD + row("A", "2026-10-09"))
    noted = brand.reconciled()
    assert (noted.source, noted.reach, noted.at) == (
        "file", datetime(2026, 10, 9, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    )  # fmt: skip
    brand.reconcile()
    use(brand, HEAD + row("A", "2026-11-09"))
    assert (brand.reconciled().source, brand.reconciled().at) == ("api", brand.now)


# --- What a report does not tell ---


def test_a_lead_of_the_day_before_in_the_zone_of_the_report_is_no_alarm(brand):
    before, first, missing, last = (brand.leads({"at": datetime(2026, 11, *at, tzinfo=UTC)})[0] for at in MOMENTS)
    use(brand, HEAD + row(first, "2026-11-02T00:30:00-07:00") + row(last, "2026-11-20T23:30:00-07:00"))
    assert brand.open() == [("no_conversion", missing)] and before


MOMENTS = [(2, 6, 30), (2, 7, 30), (9, 12), (21, 6, 30)]


def test_a_lead_that_was_young_when_the_file_was_written_is_no_alarm(brand):
    fits = [brand.lead(days=3), brand.lead(days=2.5)]
    brand.lead(days=2.6)
    use(brand, HEAD + "".join(map(row, fits)), written_at=brand.now - timedelta(days=2))
    assert brand.open() == []


LAST = ["Total,,,20.00,USD,\n", ",,,,,Total\n", ",,20.00\n"]


def test_what_a_later_report_found_stays_when_an_earlier_one_is_read_again(brand):
    lead = brand.lead(days=9)
    earlier = HEAD + row(lead, "2026-11-21", "1")
    use(brand, earlier)
    use(brand, HEAD + row(lead, "2026-11-29", "2"))
    assert brand.open() == [("twice", "2")]
    use(brand, earlier)
    assert brand.open() == [("twice", "2")]


@pytest.mark.parametrize("last", LAST)
def test_sums_in_the_last_row_are_no_action(brand, last):
    assert [seen.oid for seen in read(brand, HEAD + row("A1") + last).seen] == ["A1"]
    with pytest.raises(ReportError, match="line 3"):
        read(brand, HEAD + row("A1") + last + row("B1"))


def test_what_is_longer_than_can_be_kept_is_cut_on_both_engines(brand):
    fits = brand.lead(days=3)
    text = HEAD.strip() + ",Media Partner Id\n" + row("X" * 9000, id="1").strip() + f",{'p' * 9000}\n"
    use(brand, text + row(fits, amount="10.004"))
    assert brand.open() == [("unknown_here", "X" * 250)]


@pytest.mark.parametrize("text", ["1E5", "999999999999.999", "12345678901234567890", "9" * 40])
def test_an_amount_that_no_column_holds_names_its_line(brand, text):
    with pytest.raises(ReportError, match=r"line 2: an amount"):
        read(brand, HEAD + row("A1", amount=text))
