"""What does not fit between the ledger and impact.com: each kind is found where it is, and nowhere else."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from reconciling import RULES, Brand, later

import database
from impact import findings
from impact.findings import GRAVE, KEYS, KINDS
from models import Lead


def test_what_fits_is_no_finding(brand):
    brand.both()
    brand.lead(valid=False)
    brand.lead(test=True)
    assert brand.found() == []


def test_a_valid_lead_without_a_conversion_is_found_after_a_day(brand):
    brand.both(days=9)
    lead = brand.lead(days=1.5)
    brand.lead(days=0.9)
    assert brand.found() == [("no_conversion", lead)]
    (one,) = brand.standing()
    assert (one["expected"], one["found"], one["lead"], one["action"]) == ("10.00", None, lead, None)
    assert "answered valid, 10.00 USD, and impact.com has no conversion" in one["sentence"]


def test_a_conversion_that_appears_late_closes_it(brand):
    lead = brand.lead(days=2)
    brand.standin.add(lead, event_at=brand.now - timedelta(days=2), appears_at=brand.now + timedelta(hours=1))
    assert brand.found() == [("no_conversion", lead)]
    with later(brand, hours=6):
        assert brand.found() == []


def test_a_conversion_of_no_lead_is_found_and_so_is_one_without_an_order_id(brand):
    brand.both(days=9)
    other, nameless = brand.action("SOMEBODY"), brand.action("")
    assert brand.found() == [("unknown_here", nameless), ("unknown_here", "SOMEBODY")]
    told = {one["subject"]: one for one in brand.standing()}
    assert (
        told["SOMEBODY"]["action"] == other and "no lead here: its order id is SOMEBODY" in told["SOMEBODY"]["sentence"]
    )
    assert told[nameless]["oid"] is None and "has no order id" in told[nameless]["sentence"]


def test_an_order_id_in_small_letters_is_no_leads(brand):
    lead = brand.lead()
    brand.action(lead.lower())
    assert brand.found() == [("no_conversion", lead), ("unknown_here", lead.lower())]


def test_what_is_older_than_the_first_lead_is_no_alarm_but_for_a_day(brand):
    brand.both(days=9)
    brand.action("GONE", days=10.1)
    brand.action("SOMEBODY", days=9.9)
    assert brand.found() == [("unknown_here", "SOMEBODY")]


def test_what_is_older_is_told_where_somebody_asks_for_the_time_before(brand):
    brand.both(days=9)
    brand.action("OLD", days=20)
    assert brand.found(since=brand.now - timedelta(days=40)) == [("unknown_here", "OLD")]
    with later(brand, hours=6):
        assert brand.found() == [("unknown_here", "OLD")]


def test_moments_there_have_whole_seconds(brand):
    brand.leads({"at": brand.now - timedelta(days=3, milliseconds=-700)})
    brand.standin.add("SOMEBODY", event_at=brand.now - timedelta(days=3))
    assert ("unknown_here", "SOMEBODY") in brand.found()


def test_what_became_of_leads_that_were_deleted_by_their_age_is_no_alarm(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), RULES + "privacy: {delete_after: 10 days}\n")
    brand.both(days=10.5)
    brand.action("GONE", days=10.2)
    brand.action("SOMEBODY", days=9)
    assert brand.found() == [("unknown_here", "SOMEBODY")]


def test_a_lead_that_was_deleted_after_its_conversion_came_is_no_alarm(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), RULES + "privacy: {delete_after: 10 days}\n")
    brand.both(days=10.5)
    brand.action("GONE", days=9.9)
    assert brand.found() == []


def test_a_reversal_of_which_nobody_heard_is_ours(brand):
    lead, action = brand.both()
    brand.standin.change(action, state="REVERSED")
    brand.reverse(lead, state="failed", sure=False, done_at=None)
    assert brand.found() == []


def test_a_conversion_of_a_program_of_another_campaign_names_that_program(make_app, standin):
    rules = {"default": RULES, "other": RULES.replace("1000", "2000")}
    brand = Brand(make_app, standin, standin.now(), rules)
    brand.both(days=9)
    lead = brand.lead(program="other")
    brand.action(lead)
    assert brand.found() == [("unknown_here", lead)]
    assert "a lead of the program other, and not of default" in brand.standing()[0]["sentence"]


def test_programs_that_share_an_event_type_each_have_their_own_conversions(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), {"default": RULES, "other": RULES})
    brand.both()
    lead = brand.lead(program="other")
    brand.action(lead)
    brand.reconcile()
    assert brand.found(program="other") == []


def test_a_program_that_comes_to_an_event_type_takes_its_conversions_along(make_app, standin, database_url):
    def brand(other):
        return Brand(make_app, standin, standin.now(), {"default": RULES, "other": other}, database_url=database_url)

    before = brand(RULES.replace("2240", "9"))
    before.both(days=9)
    lead = before.lead(program="other")
    before.action(lead)
    assert before.found() == [("unknown_here", lead)]
    after = brand(RULES)
    with later(after, hours=6):
        assert after.found(program="other") and after.found() == []


def test_a_program_that_was_renamed_is_no_alarm(brand):
    brand.both(days=9)
    lead = brand.lead(program="as it was called")
    brand.action(lead)
    assert brand.found() == []


def test_a_conversion_of_a_rejected_lead_is_grave_until_it_is_reversed(brand):
    lead, action = brand.both(valid=False)
    assert brand.found() == [("rejected_here", lead)]
    assert "flask contract default" in brand.standing()[0]["advice"] and brand.standing()[0]["grave"]
    brand.standin.change(action, state="REVERSED")
    with later(brand, hours=6):
        assert brand.found() == []


def test_another_amount_is_found_in_the_same_currency_only(brand):
    lead, _ = brand.both(amount="12.00")
    brand.standin.change(brand.both(amount="9.00")[1], currency="EUR")
    brand.standin.change(brand.both(amount="8.00")[1], state="REVERSED")
    assert ("amount_differs", lead) in (found := brand.found())
    assert [kind for kind, _ in found] == ["amount_differs", "reversed_elsewhere"]
    told = next(one for one in brand.standing() if one["kind"] == "amount_differs")
    assert (told["expected"], told["found"]) == ("10.00", "12.00")
    assert "was answered 10.00 USD, and impact.com has 12.00 USD" in told["sentence"]


def test_amounts_of_no_known_currency_are_not_compared(make_app, standin):
    brand = Brand(make_app, standin, standin.now(), RULES.replace("currency: USD", ""))
    brand.both(amount="12.00")
    assert brand.found() == []


def test_each_conversion_beyond_the_first_is_found_by_its_own_id(brand):
    lead, first = brand.both()
    second, third = brand.action(lead, days=2), brand.action(lead, days=1)
    assert brand.found() == [("twice", second), ("twice", third)]
    assert "paid twice" in brand.standing()[0]["sentence"] and first in brand.standing()[0]["sentence"]
    for action in (second, third):
        brand.standin.change(action, state="REVERSED")
    with later(brand, hours=6):
        assert brand.found() == []


@pytest.mark.parametrize("state", ["submitting", "queued", "done"])
def test_what_was_reversed_there_is_found_unless_it_was_us(brand, state):
    ours, action = brand.both()
    lead, other = brand.both()
    for one in (action, other):
        brand.standin.change(one, state="REVERSED")
    brand.reverse(ours, state=state)
    assert brand.found() == [("reversed_elsewhere", lead)]


def test_what_is_reversed_there_after_we_took_it_back_is_found(brand):
    lead, action = brand.both()
    young, other = brand.both()
    for one in (action, other):
        brand.standin.change(one, state="REVERSED")
    brand.reverse(lead, state="restored", submitted_at=brand.now - timedelta(hours=25))
    brand.reverse(young, state="restored", submitted_at=brand.now - timedelta(hours=23))
    assert brand.found() == [("reversed_elsewhere", lead)]


def test_a_reversal_that_does_not_show_after_a_day_is_grave(brand):
    lead, _ = brand.both()
    young, _ = brand.both()
    brand.reverse(lead)
    brand.reverse(young, done_at=brand.now - timedelta(hours=23))
    assert brand.found() == [("reversal_ignored", lead)]
    assert "still PENDING" in brand.standing()[0]["sentence"]


def test_another_partner_is_found_where_some_partner_agrees(brand):
    brand.both(partner="7")
    lead = brand.lead(partner="8")
    brand.action(lead, partner="7")
    assert brand.found() == [("partner_differs", lead)]
    (one,) = brand.standing()
    assert (one["expected"], one["found"]) == ("8", "7") and "paid to partner 7, and the lead says 8" in one["sentence"]


def test_of_a_first_lead_a_number_is_taken_for_impact_coms_id_and_of_more_it_is_not(brand):
    first = brand.lead(partner="8")
    brand.action(first, partner="7")
    assert brand.found() == [("partner_differs", first)]
    [brand.action(brand.lead(partner="8"), partner="7") for _ in range(2)]
    assert brand.found() == []


def test_partners_with_names_of_their_own_are_no_alarm(brand):
    brand.action(brand.lead(partner="acme"), partner="7")
    brand.action(brand.lead(partner="best"), partner="8")
    assert brand.found() == []


def test_a_partner_whose_field_is_sensitive_is_not_told(make_app, standin):
    rules = RULES.replace("irpid: {}", "irpid: {sensitive: true}")
    brand = Brand(make_app, standin, standin.now(), rules)
    brand.both(partner="7")
    brand.action(brand.lead(partner="canary8"), partner="canary7")
    brand.reconcile()
    assert "canary" not in str(brand.standing()) and "another partner" in brand.standing()[0]["sentence"]


def test_the_keys_and_kinds_are_those_that_the_documents_name(brand):
    assert set(KINDS) > GRAVE == {"rejected_here", "twice", "reversal_ignored"}
    brand.lead()
    (one,) = brand.reconcile().findings
    assert tuple(one) == KEYS == ("kind", "program", "lead", "oid", "action", "expected", "found", "sentence")


# --- Their life ---


def test_what_was_seen_stays_and_says_by_whom(brand):
    lead = brand.lead()
    brand.reconcile()
    assert findings.see("default", "no_conversion", lead, "ann")
    with later(brand, hours=6):
        brand.reconcile()
    assert brand.standing()[0]["seen_by"] == "ann"
    assert not findings.see("default", "no_conversion", "other", "ann")


def test_what_tells_something_else_is_unseen_again(brand):
    lead, action = brand.both(amount="12.00")
    brand.reconcile()
    findings.see("default", "amount_differs", lead, "ann")
    brand.standin.change(action, amount="13.00")
    with later(brand, hours=6):
        brand.reconcile()
    (one,) = brand.standing()
    assert (one["found"], one["seen_by"], one["since"]) == ("13.00", "", brand.now)


def test_what_comes_back_is_open_anew_and_unseen(brand):
    lead, action = brand.both(amount="12.00")
    brand.reconcile()
    findings.see("default", "amount_differs", lead, "ann")
    for hours, amount in ((6, "10.00"), (12, "12.00")):
        with later(brand, hours=hours):
            brand.standin.change(action, amount=amount)
            brand.reconcile()
    (one,) = brand.standing()
    assert (one["seen_by"], one["since"]) == ("", brand.now + timedelta(hours=12))


def test_amounts_are_exact(brand):
    brand.both(amount="12.10")
    brand.reconcile()
    assert brand.standing()[0]["amount"] == Decimal("12.10")


# --- A month ---


def test_a_month_of_2000_leads_is_found_exactly(brand):
    step = timedelta(days=29) / 2000
    ids = brand.leads(*({"at": brand.now - timedelta(days=30.5) + n * step} for n in range(2000)))
    planted = {
        "no_conversion": ids[10:1010:100], "amount_differs": ids[11:1011:100], "partner_differs": ids[12:1012:100],
        "reversed_elsewhere": ids[13:1013:100], "rejected_here": ids[14:1014:100], "reversal_ignored": ids[15:1015:200],
        "twice": ids[16:1016:100],
    }  # fmt: skip
    of = {lead: kind for kind, leads in planted.items() for lead in leads}
    wanted = [(kind, lead) for kind, leads in planted.items() for lead in leads if kind != "twice"]
    database.transact(Lead.update(valid=False, sale_amount=None).where(Lead.id.in_(planted["rejected_here"])).execute)
    for n, lead in enumerate(ids):
        kind, at = of.get(lead), brand.now - timedelta(days=30.5) + n * step
        values = {"amount": "11.00"} if kind == "amount_differs" else {}
        values |= {"partner": "999"} if kind == "partner_differs" else {}
        values |= {"state": "REVERSED"} if kind == "reversed_elsewhere" else {}
        if kind != "no_conversion":
            brand.standin.add(lead, event_at=at, **values)
        if kind == "twice":
            wanted.append(("twice", brand.standin.add(lead, event_at=at + timedelta(minutes=3))))
        if kind == "reversal_ignored":
            brand.reverse(lead)
    for n in range(10):
        brand.action(f"UNKNOWN{n}", days=20)
        wanted.append(("unknown_here", f"UNKNOWN{n}"))
    assert brand.found() == sorted(wanted)
    assert brand.found() == sorted(wanted)


def test_a_month_in_which_the_clock_is_changed_has_no_false_alarm(make_app, standin):
    now = datetime(2026, 11, 20, tzinfo=UTC)
    standin.now = lambda: now
    brand = Brand(make_app, standin, now, RULES + "timezone: America/New_York\n")
    first = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    ids = brand.leads(*({"at": first + n * timedelta(minutes=15)} for n in range(200)))
    for n, lead in enumerate(ids):
        standin.add(lead, event_at=first + n * timedelta(minutes=15, seconds=0) - timedelta(seconds=2))
    assert brand.found() == []
