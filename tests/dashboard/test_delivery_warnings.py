"""What the first page warns of where leads do not arrive at the brand's own systems."""

import re
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest
from brand import OPERATORS, SOLAR, Operator
from cast import Partner, scans, statements
from lxml import html
from receiving import answer, delivering

import database
from alerts.destinations import of_destinations
from alerts.sources import Scope
from delivery import outbox
from models import Delivery, Lead, first_id

RULES = """
fields: {email: {type: email, required: true}}
deliver: [{to: crm}]
"""
UNSET = RULES.replace("]", ", {to: inbox}]")


@pytest.fixture
def make_shop(make_app, receiver):
    def make(rules=RULES, **settings):
        rules = rules if isinstance(rules, dict) else {"default": rules}
        app = make_app(rules, operators=OPERATORS, **delivering(crm=receiver.url) | settings)
        shop = Partner(app)
        shop.operator, shop.sender = Operator(app), app.extensions["datapost"].sender
        shop.sender.wake = lambda: None
        return shop

    return make


@pytest.fixture
def shop(make_shop):
    return make_shop()


def send(shop, path="/leads", **fields):
    shop.lead(path, **{"email": "ann@example.com"} | fields)
    shop.sender.run_due()


def notices(shop):
    """Return the warnings of the first page, by how grave they are."""
    page = html.fromstring(shop.operator.get("/dashboard").text)
    found = [
        (div.get("class").split()[1], " ".join(" ".join(div.itertext()).split()))
        for div in page.xpath("//div[@role='note']")
    ]
    assert all(text.endswith("See the deliveries") for _, text in found)
    return found


def grow_old(**ago):
    """Have the one lead, and its rows, have come so long ago."""
    with database.read():
        lead = Lead.select().get()
    old = first_id(datetime.now(UTC) - timedelta(**ago)) + lead.id[10:]
    database.transact(Lead.update(id=old).where(Lead.id == lead.id).execute)
    database.transact(Delivery.update(lead=old).where(Delivery.lead == lead.id).execute)


def test_where_all_leads_arrive_or_have_just_come_nothing_is_told(shop):
    send(shop)
    shop.lead(email="bob@example.com")
    assert notices(shop) == [] and "All is well." in shop.operator.words("/dashboard")


def test_a_destination_that_paused_by_itself_is_grave_with_its_reason_and_what_waits(shop, receiver):
    receiver.answers = answer(401)
    send(shop)
    ((kind, told),) = notices(shop)
    assert kind == "error" and told.startswith("crm is paused since ")
    assert "UTC: it answered 401; 1 lead waits, for a few seconds." in told
    assert "One lead is tried each hour. Mend what is wrong there, test it, and resume it." in told


def test_one_that_somebody_paused_says_who_did(shop):
    outbox.pause("crm", "owner")
    ((kind, told),) = notices(shop)
    assert kind == "error" and told.startswith("crm is paused since ")
    assert "Nothing is sent there until somebody resumes it. owner paused it." in told


def test_a_lead_that_waits_for_more_than_an_hour_is_grave(shop, receiver):
    receiver.answers = answer(503)
    send(shop)
    grow_old(minutes=55)
    assert notices(shop) == []
    grow_old(hours=3)
    ((kind, told),) = notices(shop)
    assert kind == "error" and told.startswith("crm: 1 lead waits, for 3 hours. See what was answered.")


def test_many_that_wait_are_told_once_with_how_long_the_first_has(shop):
    shop.lead(email="ann@example.com")
    grow_old(days=2)
    shop.lead(email="bob@example.com")
    ((_, told),) = notices(shop)
    assert told.startswith("crm: 2 leads wait, the first of them for 2 days.")


def test_where_no_rule_file_names_it_any_more_that_is_what_is_told(shop):
    shop.lead(email="ann@example.com")
    grow_old(days=2)
    database.transact(Delivery.update(destination="former").execute)
    ((_, told),) = notices(shop)
    assert told.startswith("former: 1 lead waits, for 2 days. No rule file names it under deliver: any more.")


def test_a_destination_without_a_setting_is_grave_once_leads_wait(make_shop):
    shop = make_shop(UNSET)
    assert notices(shop) == []
    send(shop)
    ((kind, told),) = notices(shop)
    assert kind == "error" and told.startswith("Nothing says where inbox is; 1 lead waits, for a few seconds.")
    assert "Set DATAPOST_DELIVER_INBOX=https://… (or mailto:…, hubspot:), and start the service again" in told


def test_what_is_dead_is_grave_on_the_day_that_it_died(shop, receiver):
    receiver.answers = answer(422)
    send(shop)
    receiver.answers = answer(413)
    for number in range(2):
        send(shop, email=f"a{number}@example.com")
    ((kind, told),) = notices(shop)
    assert kind == "error"
    assert told.startswith(
        "3 leads for crm are dead, 2 of them for this reason: it answered 413. The last of them since"
    )
    earlier = datetime.now(UTC) - timedelta(days=1)
    database.transact(Delivery.update(last_at=earlier).execute)
    ((kind, _),) = notices(shop)
    assert kind == "warning"


def test_who_is_limited_to_a_program_is_told_of_its_leads_alone(make_shop, receiver):
    shop = make_shop({"default": RULES, "solar": RULES.replace("crm", "sun")})
    receiver.answers = answer(422)
    send(shop)
    shop.lead("/leads/solar", email="ann@example.com")
    shop.operator = Operator(shop.app, SOLAR)
    ((_, told),) = notices(shop)
    assert told.startswith("Nothing says where sun is; 1 lead waits")


def test_strict_health_counts_them(shop, receiver):
    receiver.answers = answer(401)
    send(shop)
    health = shop.http.get("/health?strict=1")
    assert health.status_code == 503 and health.json["grave_warnings"] == 1


def test_ten_thousand_that_wait_are_told_of_quickly_and_by_the_index_of_these_alone(make_shop, database_url):
    shop = make_shop(database_url=database_url)
    database.migrate()
    now, count = datetime.now(UTC), 10_000
    row = {"destination": "crm", "state": "waiting", "due_at": now, "attempts": 0, "error": "", "remote_id": ""}
    rows = [row | {"lead": f"{first_id(now)}{number:016}", "rules": "h" * 64} for number in range(count)]
    rows += [one | {"lead": one["lead"].replace(first_id(now), "0" * 10), "state": "sent"} for one in rows]
    with database.write():
        for start in range(0, len(rows), 1000):
            Delivery.insert_many(rows[start : start + 1000]).execute()
    outbox.pause("crm", "owner")
    book = shop.app.extensions["datapost"].rulebook
    with database.read(), shop.app.test_request_context(), statements() as seen:
        began = perf_counter()
        (concern,) = of_destinations(Scope(book.programs, book, now))
        took = perf_counter() - began
    assert "10,000 leads wait" in concern.sentence and took < 0.5
    with database.read():
        read = [line for sql, params in seen for line in scans(sql, params) if re.search(r"\bdelivery\b", line)]
    assert all(re.search("delivery_(waiting|dead)", line) for line in read)
