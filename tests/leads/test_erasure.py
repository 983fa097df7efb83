"""A person who asks is erased: wherever the person stands, and nobody else."""

import json
import time
from datetime import timedelta
from urllib.parse import quote

import pytest
from cast import FORM, JSON, XML, multipart
from counted import NOW, collect, count_all, program
from purged import PROGRAM, RULES, ann, everything, post, purge, stored

import database
import models
from leads import counts as tally
from leads import erasure
from leads.backtest import Backtest
from models import Lead

EMAIL = erasure.with_email("ann@example.com", "ann@example.com")
PHONE = erasure.with_phone("+14155552671")

WITH_EMAIL = {
    "a declared field": (b"email=ann@example.com", FORM),
    "capitals": (b"email=ANN@Example.COM", FORM),
    "percent-encoded": (b"email=%61nn%40example%2Ecom", FORM),
    "percent-encoded twice": (b"back=" + quote(quote("https://x/?e=ann@example.com")).encode(), FORM),
    "an undeclared field": (b'{"email": "x@example.com", "friend": "ann@example.com"}', JSON),
    "a sentence": (b"<l><note>Write to ann@example.com.</note></l>", XML),
    "a list": (b"<l><e>bob@example.com,ann@example.com;</e></l>", XML),
    "a second value": (b"email=bob@example.com&email=ann@example.com", FORM),
    "a field's name": (b"ann@example.com=1", FORM),
    "escapes of JSON": (rb'{"a": "\u0061nn\u0040example.com"}', JSON),
    "escapes of XML": (b"<l><a>ann&#64;example&#x2e;com</a></l>", XML),
    "an attribute": (b'<l a="ann@example.com"/>', XML),
    "a comment within": (b"<l><email>bob@example.com</email><email>ann<!-- x -->@example.com</email></l>", XML),
    "CDATA": (b"<l><email>x@example.com</email><email><![CDATA[ann@]]>example.com</email></l>", XML),
    "UTF-16": ('{"a": "ann@example.com"}'.encode("utf-16"), JSON),
    "UTF-16 that cannot be read": ('{"a": "ann@example.com"'.encode("utf-16-be"), JSON),
    "multipart": (multipart([("email", "ann@example.com")], "b")[0], "multipart/form-data; boundary=b"),
    "an unreadable body": (b'{"email": "ann@example.com"', JSON),
    "an unreadable escaped body": (rb'{"email": "ann\u0040example.com"', JSON),
    "an unreadable form": (b"email=ann%40example.com&x=%ff", FORM),
    "a content type": (b"x", "multipart/form-data; boundary=ann@example.com"),
    "after a line break in JSON": (rb'{"a": "mail:\nann@example.com"}', JSON),
    "after a plus in a form": (b"a=mail+ann@example.com", FORM),
    "the partner": (b"email=x@example.com&irpid=ann@example.com", FORM),
    "before a dash": (b'{"a": "ann@example.com- call"}', JSON),
    "after an ellipsis": (b'{"a": "...ann@example.com_"}', JSON),
    "wide letters": ('{"a": "ann\uff20example.com"}'.encode(), JSON),
}

NOT_WITH_EMAIL = [
    b"joann@example.com",
    b"x.ann@example.com",
    b"ann@example.com.au",
    b"ann@example.community",
    b"ann@example",
    b"ann@example-shop.com",
    b"ann@example.com--shop.com",
]

WITH_PHONE = {
    "the normal form": (b"phone=%2B14155552671", FORM),
    "a national form": (b"phone=(415) 555-2671", FORM),
    "plus signs for spaces": (b"x=415+555+2671", FORM),
    "from abroad": (b"<l><phone>001 415 555 2671</phone></l>", XML),
    "a plus that was not encoded": (b"x=+1 415.555.2671", FORM),
    "in an undeclared field": (b'{"other": "tel:+1-415-555-2671;x"}', JSON),
    "a number of JSON": (b'{"other": 4155552671}', JSON),
    "an unreadable body": (b"<l><p>415&#45;555-2671", XML),
    "wide digits": ('{"a": "\uff14\uff11\uff15 555 2671"}'.encode(), JSON),
    "beside a number of another country": (b'{"a": "+49 30 1234567 / 415 555 2671"}', JSON),
}

NOT_WITH_PHONE = [b"94155552671", b"41555526719", b"4155552672", b"+444155552671"]
NOT_WITH_PHONE += [b"+49 4155 552671", b"0049 (4155) 552671", b"+49 (0)4155-552671"]


def erase(person, kind, forget=False, **options):
    found = erasure.find(person, lambda _: None)
    if forget:
        erasure.forget_places(found, person, [PROGRAM])
    erasure.erase(found, person, kind, **options)
    return [lead.id for lead in found]


def found_in(person, cases):
    """Post each case; return the names of those that hold the person, and all leads by name."""
    leads = {name: post(*case) for name, case in cases.items()}
    ids = {lead.id for lead in erasure.find(person, lambda _: None)}
    return [name for name, lead in leads.items() if lead.id in ids], leads


def test_an_address_is_found_and_erased_wherever_it_stands(ledger):
    bob = post(b"email=bob@example.com")
    found, leads = found_in(EMAIL, WITH_EMAIL)
    assert found == list(WITH_EMAIL)
    count_all(NOW + timedelta(hours=1), [PROGRAM])
    erase(EMAIL, "email")
    assert not EMAIL.stands_in(everything())
    for lead in leads.values():
        left = stored(lead)
        assert (left.fields, bytes(left.body), bytes(left.query), left.content_type) == ({}, b"", b"", "")
        assert (left.email, left.phone, left.customerid) == ("", "", "")
        for kept in ("valid", "reasons", "amount", "received_at", "note"):
            assert getattr(left, kept) == getattr(lead, kept)
    assert stored(bob).email == "bob@example.com"
    assert erasure.find(EMAIL, lambda _: None) == []


def test_an_address_with_characters_that_nobody_sees_is_found(ledger):
    leads = [post("email=a\u200bnn@exam\u00adple.com".encode()), post("note=ann\ufe0f%40example.com".encode())]
    assert erase(EMAIL, "email") == [lead.id for lead in leads]


def test_an_address_in_the_query_string_is_found(ledger):
    lead = post(b"", query=b"e=ann%40example.com")
    assert erase(EMAIL, "email") == [lead.id]


def test_an_address_that_only_holds_another_one_stays(ledger):
    cases = {text: (b"a=" + quote(text).encode(), FORM) for text in NOT_WITH_EMAIL}
    assert found_in(EMAIL, cases | {text + b" ": (b"a=" + text, "text/plain") for text in NOT_WITH_EMAIL})[0] == []


def test_a_tagged_address_is_somebody_elses(ledger):
    post(b"email=x%2Bann@example.com")
    post(b'{"email": "x+ann@example.com"}', JSON)
    assert erase(EMAIL, "email") == []


def test_an_international_domain_is_found_in_both_spellings(ledger):
    person = erasure.with_email("ann@bücher.example", "ann@xn--bcher-kva.example")
    leads = [post("email=ann@bücher.example".encode()), post(b"x=Ann@xn--bcher-kva.example")]
    leads.append(post("<l><a>ANN@BÜCHER.example</a></l>".encode("latin-1"), "text/xml; charset=iso-8859-1"))
    assert erase(person, "email") == [lead.id for lead in leads]


def test_a_phone_is_found_and_erased_however_it_is_written(ledger):
    assert found_in(PHONE, WITH_PHONE)[0] == list(WITH_PHONE)
    erase(PHONE, "phone")
    assert not PHONE.stands_in(everything())


def test_a_phone_that_only_holds_another_one_stays(ledger):
    assert found_in(PHONE, {text: (b"phone=" + quote(text).encode(), FORM) for text in NOT_WITH_PHONE})[0] == []


def test_a_body_of_nothing_but_gaps_is_soon_searched():
    begin = time.process_time()
    assert not PHONE.stands_in(" +" * 100_000)
    assert time.process_time() - begin < 5


def test_only_what_was_asked_for_is_erased_and_all_of_the_lead(ledger):
    ann()
    post(b"email=bob@example.com&phone=415-555-2671")
    assert len(erase(EMAIL, "email")) == 1
    with database.read():
        assert [lead.phone for lead in Lead.select().order_by(Lead.id)] == ["", "+14155552671"]


def test_an_erasure_is_recorded_without_the_person(ledger):
    ann()
    erase(EMAIL, "email", now=NOW)
    with database.read():
        assert [(row.at, row.kind, row.leads) for row in erasure.Erasure.select()] == [(NOW, "email", 1)]


@pytest.mark.parametrize("forget", [False, True])
def test_an_erased_lead_still_blocks_its_duplicates_unless_that_is_to_be_forgotten(ledger, forget):
    ann()
    erase(EMAIL, "email", forget=forget)
    assert ann().valid is forget


def test_duplicates_of_leads_that_were_masked_or_erased_before_can_be_forgotten_too(ledger):
    ann(NOW - timedelta(days=91))
    purge()
    assert ann().reasons == ["duplicate"]
    erase(EMAIL, "email")
    erase(EMAIL, "email", forget=True)
    assert ann().valid


def test_a_partner_that_is_a_person_is_counted_among_the_others(ledger):
    post(*WITH_EMAIL["the partner"])
    count_all(NOW + timedelta(hours=1), [PROGRAM])
    erase(EMAIL, "email")
    assert [figure.partner for figure in collect(1, PROGRAM).partners] == [tally.OTHERS]


def test_a_partner_that_is_the_person_goes_with_a_lead_that_is_erased_by_its_id(ledger):
    lead = post(b"email=Ann@example.com&irpid=ann@Example.com")
    report = {"by_partner": {"ann@Example.com": 1}}
    row = {"id": "1", "operator": "", "text": "", "started_at": NOW, "renewed_at": NOW, "state": "done"}
    database.transact(Backtest.insert(program="default", report=report, **row).execute)
    erasure.erase([erasure.Found(lead.id, "default")], erasure.nobody(), "id")
    assert not EMAIL.stands_in(everything())


def test_many_leads_are_erased_in_batches(ledger, monkeypatch):
    monkeypatch.setattr(erasure, "AT_ONCE", 2)
    monkeypatch.setattr(erasure, "CHUNK", 3)
    seen = []
    leads = [ann() for _ in range(7)]
    found = erasure.find(EMAIL, seen.append)
    assert ([lead.id for lead in found], sum(seen)) == ([lead.id for lead in leads], 7)
    erasure.erase(found, EMAIL, "email")
    assert "ann@example.com" not in everything()


# --- Leads of a person that were masked before ---

BY_NAME = RULES.replace("[email]\nfields:", "[email, last_name]\nfields:\n  last_name: {}")


def masked_before(*bodies, rules=RULES):
    """Store leads, and mask them."""
    to = program("default", rules)
    leads = [post(body, at=NOW - timedelta(days=91), to=to) for body in bodies]
    assert purge(NOW, to) == [(len(leads), 0)]
    return leads


def test_a_lead_that_was_masked_before_is_known_by_the_customer_that_the_address_makes(ledger):
    lead, bob = masked_before(b"email=Ann@EXAMPLE.com", b"email=bob@example.com")
    assert erase(EMAIL, "email") == [lead.id]
    assert (stored(lead).customerid, stored(lead).fields, stored(lead).reasons) == ("", {}, lead.reasons)
    assert stored(bob).customerid
    assert erase(EMAIL, "email") == []


def test_a_lead_that_was_masked_before_is_known_by_the_customer_of_a_lead_that_holds_the_person(ledger):
    bodies = b"email=ann@example.com&last_name=Lee&phone=415-555-2671", b"email=ann@example.com&last_name=Doe"
    lead, other = masked_before(*bodies, rules=BY_NAME)
    assert erase(PHONE, "phone") == []  # no lead says any more whose number it is
    new = post(b"email=ann@example.com&last_name=Lee&phone=415-555-2671", to=program("default", BY_NAME))
    assert erase(PHONE, "phone") == [lead.id, new.id]
    assert (stored(lead).customerid, stored(other).customerid != "") == ("", True)


def test_a_lead_of_the_same_customer_that_is_not_masked_and_does_not_hold_the_person_stays(ledger):
    shared = program("default", RULES.replace("customer: [email]", "customer: [phone]"))
    post(b"email=ann@example.com&phone=415-555-2671", to=shared)
    bob = post(b"email=bob@example.com&phone=415-555-2671", to=shared)
    assert bob.id not in erase(EMAIL, "email")


def test_a_masked_lead_without_a_partner_is_erased_and_the_figures_stay(ledger):
    (lead,) = masked_before(b"email=ann@example.com")
    assert [figure.partner for figure in collect(100, PROGRAM).partners] == [""]
    assert erase(EMAIL, "email") == [lead.id]
    assert [figure.partner for figure in collect(100, PROGRAM).partners] == [""]


# --- The command ---


def test_erase_asks_and_says_what_it_did_and_what_is_kept(service):
    result = service.flask("leads", "erase", "--email", "ANN@example.com", input="n\n")
    assert "default: 4 leads with this email\n" in result.output
    assert "Aborted" in result.output
    assert service.stored()[0].email
    dry = service.flask("leads", "erase", "--phone", "(415) 555 2671", "--dry-run").output
    assert dry.splitlines()[1:] == [f"  {lead.id}" for lead in service.stored()[:3]]
    output = service.flask("leads", "erase", "--email", "ann@example.com", "--yes").output
    assert "erased: 4 leads, of which nothing is left but dates, amounts and reasons" in output
    assert "--forget-duplicates removes them too" in output
    assert [lead.email for lead in service.stored()] == [""] * 4 + ["bob@example.com"]
    assert "there is nothing to erase" in service.flask("leads", "erase", "--email", "ann@example.com").output


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--forget-duplicates"]])
def test_erase_tells_programs_whose_leads_were_found_and_what_was_done(service, options):
    line = ["leads", "erase", "--email", "ann@example.com", "--format", "json", *options]
    leads = [lead.id for lead in service.stored() if lead.email == "ann@example.com"]
    made = json.loads(service.flask(*line, input="").stdout)
    assert made == {
        "kind": "email",
        "leads": leads,
        "by_program": {"default": 4},
        "dry_run": "--dry-run" in options,
        "erased": 0 if "--dry-run" in options else 4,
        "duplicates_forgotten": "--forget-duplicates" in options,
        "still_in_files": False,
        "sent_to": [],
    }


def test_erase_tells_programs_that_nobody_was_found(service):
    made = json.loads(service.flask("leads", "erase", "--phone", "+1 212 555 0100", "--format", "json").stdout)
    assert (made["kind"], made["leads"], made["by_program"], made["erased"]) == ("phone", [], {}, 0)


def test_a_script_is_not_asked_whether_it_means_it(service):
    assert "erased: 4 leads" in service.flask("leads", "erase", "--email", "ann@example.com", input="").output


def test_that_a_value_was_submitted_may_be_forgotten_later(service):
    service.flask("leads", "erase", "--email", "bob@example.com", "--yes")
    assert service.lead(email="bob@example.com")["valid"] == "false"
    service.flask("leads", "erase", "--email", "bob@example.com", "--yes")
    again = service.flask("leads", "erase", "--email", "bob@example.com", "--forget-duplicates")
    assert "It is forgotten that the value was submitted" in again.output
    assert service.lead(email="bob@example.com")["valid"] == "true"


def test_only_what_needs_the_secret_is_refused_with_another_one(service, tmp_path):
    models.connect(f"sqlite:///{tmp_path}/leads.db", "another")
    refused = service.flask("leads", "erase", "--email", "bob@example.com", "--yes", "--forget-duplicates")
    assert refused.exit_code == 1
    assert "DATAPOST_SECRET is not the one that the hashes in this database were made with" in refused.output
    assert service.stored()[-1].email == "bob@example.com"
    for line in (["list"], ["export"], ["purge"], ["erase", "--email", "bob@example.com", "--yes"]):
        assert service.flask("leads", *line).exit_code == 0
    models.connect(f"sqlite:///{tmp_path}/leads.db", "a key for tests")
    assert service.lead(email="bob@example.com")["valid"] == "false"


def test_erase_may_be_told_one_lead(service):
    lead = service.stored()[1]
    service.flask("leads", "erase", "--id", lead.id.lower(), "--yes")
    assert [bool(one.masked_at) for one in service.stored()] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "say who: --email, --phone or --id, one of them"),
        (["--email", "a@example.com", "--id", "x"], "one of them"),
        (["--email", "ann"], "--email is not an email address"),
        (["--phone", "12"], "--phone is not a phone number"),
        (["--id", "12"], "--id is not the id of a lead"),
    ],
)
def test_erase_says_what_it_needs(service, options, sentence):
    result = service.flask("leads", "erase", *options)
    assert result.exit_code == 1
    assert sentence in result.output
