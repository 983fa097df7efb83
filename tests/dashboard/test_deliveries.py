"""The page of deliveries, and what the pages of leads and persons tell of them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from brand import EXAMPLES, OPERATORS, OWNER, RULES, SOLAR, Operator, text_of
from browser import PHONE, assert_usable, serving
from cast import Partner, wait_for
from lxml import html
from receiving import answer, delivering

import database
from delivery import outbox
from models import Delivery, Lead
from web.settings import User

VERA, PAGE = ("vera", "only looks"), "/dashboard/deliveries"
BOTH = RULES + EXAMPLES + "deliver: [{to: crm, erasures: true}]"
LOANS = BOTH.replace("true}]", "true}, {to: inbox}]")
DEAD = answer(422, b"a secret of the answer")


@pytest.fixture
def brand(make_app, receiver, database_url):
    """A brand whose loans go to crm and inbox, and solar to crm and sun; inbox has no setting."""
    solar = BOTH.replace("true}]", "true}, {to: sun}]")
    given = delivering(crm=receiver.url, sun=receiver.url) | {"database_url": database_url}
    rules = {"default": LOANS, "solar": solar}
    app = make_app(rules, operators=OPERATORS, viewers=(User(*VERA),), **given)
    database.migrate()
    made = Partner(app)
    made.sender = app.extensions["datapost"].sender
    made.sender.wake = lambda: None
    made.owner, made.sun, made.vera = Operator(app), Operator(app, SOLAR), Operator(app, VERA)
    return made


def lead(brand, email="ann@example.com", path="/leads"):
    """Post a valid lead and have it sent; return its id."""
    lead_id = brand.lead(path, email=email)["uniqueid"]
    brand.sender.run_due()
    return lead_id


def dead(brand, receiver, **fields):
    receiver.answers = DEAD
    lead_id = lead(brand, **fields)
    receiver.answers = answer()
    return lead_id


def card(operator, name):
    """Return what the page says of a destination."""
    (found,) = html.fromstring(operator.get(PAGE).text).xpath(f"//li[@id='to-{name}']")
    return " ".join(" ".join(found.itertext()).split())


def listed(operator, query=""):
    """Return the sentences of the list."""
    found = html.fromstring(operator.get(PAGE + query).text).xpath("//ul[contains(@class, 'deliveries')]/li")
    return [" ".join(" ".join(item.itertext()).split()) for item in found]


def states(to="crm"):
    with database.read():
        return [row.state for row in Delivery.select().where(Delivery.destination == to).order_by(Delivery.lead)]


def test_a_destination_has_its_kind_its_host_and_its_figures_and_never_its_address(brand, receiver):
    lead(brand)
    lead(brand, path="/leads/solar")
    told = card(brand.owner, "crm")
    assert told.startswith(
        f"crm Web address: http://127.0.0.1:{receiver.port} Leads of default , solar Sent today 2 In 7 days 2"
    )
    assert "canary" not in brand.owner.get(PAGE).text


def test_of_a_mailbox_only_the_domain_is_shown_and_of_hubspot_no_token(make_app):
    places = {"crm": "hubspot:", "crm_token": "canary", "inbox": "mailto:sales@acme.example"}
    app = make_app(LOANS, operators=OPERATORS, **delivering(**places))
    owner = Operator(app)
    assert card(owner, "crm").startswith("crm HubSpot: https://api.hubapi.com Leads of default Sent today 0")
    assert card(owner, "inbox").startswith("inbox Mail to: acme.example Leads of default Sent today 0")
    assert "sales" not in owner.get(PAGE).text and "canary" not in owner.get(PAGE).text


def test_of_one_without_a_setting_it_says_what_to_set_and_what_waits(brand):
    lead(brand)
    told = card(brand.owner, "inbox")
    assert "No address" in told and "Set DATAPOST_DELIVER_INBOX=https://…" in told
    assert "1 lead waits, for a few seconds ." in told


def test_what_is_dead_is_told_by_reason_with_a_link_to_the_lead(brand, receiver):
    dead(brand, receiver)
    lead_id = dead(brand, receiver, email="bob@example.com")
    assert "2 leads: it answered 422. The newest (the last since" in card(brand.owner, "crm")
    page = brand.owner.get(PAGE).text
    assert f'/dashboard/leads/{lead_id}"' in page and "a secret of the answer" not in page


def test_dead_leads_are_sent_again_all_or_since_a_day(brand, receiver):
    dead(brand, receiver)
    day = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    assert "No lead for crm was dead since that day." in brand.owner.words(f"{PAGE}/again", to="crm", since=day)
    told = brand.owner.words(f"{PAGE}/again", to="crm", since=f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}")
    assert "1 lead is sent to crm again, with ten attempts." in told
    brand.sender.run_due()
    assert states() == ["sent"]
    assert "No lead for crm was dead." in brand.owner.words(f"{PAGE}/again", to="crm")


@pytest.mark.parametrize("day", ["yesterday", "0001-01-01", "2026-02-30"])
def test_a_day_that_is_none_is_said_to_be(brand, day):
    response = brand.owner.post(f"{PAGE}/again", to="crm", since=day)
    assert response.status_code == 400 and "Write the day like 2026-03-01." in text_of(response)


def test_a_destination_is_paused_and_resumed(brand):
    assert brand.owner.post(f"{PAGE}/pause", to="crm").location.endswith("#to-crm")
    lead(brand)
    assert states() == ["waiting"]
    told = card(brand.owner, "crm")
    assert "Paused since" in told and "by owner. Nothing is sent until somebody resumes it." in told
    assert "Not tried yet. It waits until crm is resumed." in " ".join(listed(brand.owner))
    brand.owner.post(f"{PAGE}/resume", to="crm")
    brand.sender.run_due()
    assert states() == ["sent"] and "Paused" not in card(brand.owner, "crm")


def test_one_that_paused_by_itself_says_why_and_when_it_is_tried(brand, receiver):
    receiver.answers = answer(401)
    lead(brand)
    assert re.search(
        r"Paused since .* UTC: it answered 401. The next lead is tried on .* UTC;", card(brand.owner, "crm")
    )


def test_a_test_says_what_was_answered_and_stores_nothing(brand, receiver):
    told = brand.owner.words(f"{PAGE}/test", to="crm", program="default")
    assert "crm took the test: it answered 200. It is an example of default, marked as a test, with the id" in told
    assert b'"test": true' in receiver.requests[0].body
    receiver.answers = DEAD
    told = brand.owner.words(f"{PAGE}/test", to="crm", program="solar")
    assert "crm did not take the test: it answered 422. A lead would be dead at once" in told
    with database.read():
        assert not Lead.select().exists() and not Delivery.select().exists()


@pytest.mark.parametrize(("to", "program"), [("inbox", "default"), ("sun", "default"), ("crm", "none"), ("", "")])
def test_what_cannot_be_tested_is_not(brand, receiver, to, program):
    assert brand.owner.post(f"{PAGE}/test", to=to, program=program).status_code == 404
    assert receiver.requests == []


def test_the_list_is_filtered_by_state_and_destination_and_goes_on_with_older_ones(brand, receiver):
    dead(brand, receiver)
    lead(brand, "bob@example.com")
    assert len(listed(brand.owner)) == 4
    ((sent,), (waits, _)) = listed(brand.owner, "?state=sent"), listed(brand.owner, "?to=inbox&state=waiting")
    assert "Sent crm · default Sent on" in sent
    assert "Waiting inbox · default Not tried yet. Nothing says where inbox is." in waits
    with database.read():
        rows = [(row.lead, row.destination) for row in Delivery.select().order_by(Delivery.lead.desc())]
    assert len(listed(brand.owner, f"?after={rows[0][0]}_inbox")) == 2
    assert "There are no older ones." in brand.owner.words(f"{PAGE}?after={'0' * 26}_crm")


@pytest.mark.parametrize("query", ["state=lost", "after=x", "state=dead' OR 1", "to=a%00b"])
def test_what_no_link_says_is_no_page(brand, query):
    assert brand.owner.get(f"{PAGE}?{query}").status_code == 404


def test_what_is_no_name_of_a_destination_is_sent_nothing_again(brand):
    assert brand.owner.post(f"{PAGE}/again", to="a\0b").status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume", "test", "again"])
def test_who_had_to_log_in_for_a_form_comes_back_to_the_page(brand, action):
    assert brand.owner.get(f"{PAGE}/{action}").location == PAGE


# --- Who may do what ---


def test_viewers_look_and_change_nothing(brand, receiver):
    lead_id = dead(brand, receiver)
    page = brand.vera.get(PAGE).text + brand.vera.get(f"/dashboard/leads/{lead_id}").text
    assert "it answered 422" in page and not re.search("<button[^>]*>(Pause|Test|Send again)", page)
    for action in ("pause", "resume", "test", "again"):
        assert brand.vera.post(f"{PAGE}/{action}", to="crm", program="default", lead=lead_id).status_code == 403
    assert states() == ["dead"] and len(receiver.requests) == 1


def test_another_sites_page_does_nothing(brand):
    response = brand.owner.http.post(
        f"{PAGE}/pause", auth=OWNER, data={"to": "crm"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403
    with database.read():
        assert outbox.paused() == {}


def test_who_is_limited_to_a_program_sees_and_sends_its_leads_alone(brand, receiver):
    theirs, ours = dead(brand, receiver), dead(brand, receiver, path="/leads/solar")
    assert "inbox" not in brand.sun.get(PAGE).text and theirs not in brand.sun.get(PAGE).text
    assert "1 lead: it answered 422" in card(brand.sun, "crm")
    assert "1 lead is sent to crm again" in brand.sun.words(f"{PAGE}/again", to="crm")
    assert states() == ["dead", "waiting"]
    assert brand.sun.post(f"{PAGE}/again", to="crm", lead=theirs).status_code == 404
    assert brand.sun.post(f"{PAGE}/again", to="crm", lead=ours).status_code == 303


def test_he_stops_and_tests_only_what_gets_no_leads_of_others(brand, receiver):
    assert re.search("Pause Test$", card(brand.sun, "sun")) and "Pause" not in card(brand.sun, "crm")
    for action in ("pause", "resume", "test"):
        assert brand.sun.post(f"{PAGE}/{action}", to="crm", program="solar").status_code == 403
        assert brand.sun.post(f"{PAGE}/{action}", to="inbox", program="default").status_code == 404
    assert brand.sun.post(f"{PAGE}/test", to="sun", program="solar").status_code == 200
    assert brand.sun.post(f"{PAGE}/pause", to="sun").status_code == 303
    with database.read():
        assert list(outbox.paused()) == ["sun"]


def test_the_way_there_is_in_the_navigation_where_leads_go_anywhere(brand, make_app):
    assert "Programs Deliveries" in brand.owner.words("/dashboard")
    without = Operator(make_app({"default": RULES, "solar": RULES}, operators=OPERATORS))
    assert "Deliveries" not in without.words("/dashboard")
    assert "No valid lead goes anywhere yet. Write deliver:" in without.words(PAGE)


# --- A lead and a person ---


def test_the_page_of_a_lead_says_where_it_goes_and_sends_it_again(brand, receiver):
    lead_id = dead(brand, receiver)
    told = brand.owner.words(f"/dashboard/leads/{lead_id}")
    assert re.search(
        r"Where it goes crm Dead since .* UTC, after 1 attempt: it answered 422. Send again inbox Not", told
    )
    response = brand.owner.post(f"{PAGE}/again", to="crm", lead=lead_id)
    assert response.location.endswith(f"/leads/{lead_id}#deliveries")
    brand.sender.run_due()
    told = brand.owner.words(f"/dashboard/leads/{lead_id}")
    assert re.search(r"crm Sent on .* UTC: it answered 200\.", told) and "Send again" not in told


def test_it_says_when_the_next_attempt_is_due(brand, receiver):
    receiver.answers = answer(503)
    lead_id = lead(brand)
    told = brand.owner.words(f"/dashboard/leads/{lead_id}")
    assert re.search(r"crm Attempt 1 on .* UTC: it answered 503\. The next is due on .* UTC\.", told)


def test_a_lead_that_goes_nowhere_says_nothing_of_it(brand):
    refused = brand.lead(email="ann@example.com", years="9")["headers"]["Datapost-Lead"]
    assert "Where it goes" not in brand.owner.words(f"/dashboard/leads/{refused}")


def test_a_person_who_is_erased_is_told_of_where_he_went_and_where_it_is_asked_for(brand, receiver):
    lead_id = lead(brand)
    found = brand.owner.post("/dashboard/person", who="ann@example.com").location
    wait_for("inquiry")
    went = f"It was sent to your own systems Sent to When, and with which id crm {datetime.now(UTC):%d %b %Y}"
    assert went in brand.owner.words(found)
    assert "What went to crm already stays there" in brand.owner.words(f"{found}/erase")
    brand.owner.post(f"{found}/erase", who="ann@example.com")
    wait_for("inquiry")
    told = brand.owner.words(found)
    assert "It went to your own systems before They keep what they got." in told and lead_id in told
    assert states("inbox") == ["withdrawn"]
    brand.sender.run_due()
    assert b'"type": "lead.erased"' in receiver.requests[-1].body
    told = brand.owner.words(f"/dashboard/leads/{lead_id}")
    assert (
        "crm That it was erased: sent on" in told and "inbox Not sent: its values were removed before it went." in told
    )


# --- In a browser ---


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_everybody_can_read_it_on_a_phone_and_on_a_desktop_by_day_and_by_night(browser, brand, receiver):
    for number in range(3):
        lead_id = dead(brand, receiver, email=f"ann{number}@example.com")
    lead(brand, "bob@example.com")
    outbox.pause("sun", "owner")
    with serving(brand.app) as address:
        page = browser.new_context(viewport=PHONE, bypass_csp=True).new_page()
        page.goto(f"{address}{PAGE}")
        for label, text in zip(("Name", "Password"), OWNER, strict=True):
            page.get_by_label(label).fill(text)
        with page.expect_navigation():
            page.get_by_role("button", name="Log in").click()
        for path in (PAGE, f"{PAGE}?state=dead", f"/dashboard/leads/{lead_id}"):
            page.goto(f"{address}{path}")
            assert_usable(page)
        page.goto(f"{address}{PAGE}")
        with page.expect_navigation():
            page.get_by_role("button", name="Test crm with an example of default").click()
        assert page.get_by_role("status").inner_text().startswith("crm took the test: it answered 200.")
        page.context.close()
