"""What is personal goes: by age, and for a person who asks. What is counted and known as a duplicate stays."""

import json
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from cast import Partner, do_chores, multipart, wait_for
from counted import NOW, collect, count_all, program

import database
import models
from database import engines
from judge.judgement import judge, unreadable
from leads import daily, erasure, retention
from leads.backtest import Backtest
from models import Lead, Refusal, Submission
from web.payload import PayloadError, decode

RULES = """
partner: irpid
customer: [email]
fields:
  email: {type: email, required: true}
  phone: {type: phone, country: US}
  irpid: {}
rules:
  - {id: known, unique: [email], mode: observe}
  - {id: duplicate, unique: [email], within: 300 days}
sale_amount: 10.00
privacy: {mask_after: 90 days, delete_after: 365 days}
"""
PROGRAM = program("default", RULES)
PERSONAL = ("ann@example.com", "4155552671", "Ann", "canary")


def post(body, content_type="application/x-www-form-urlencoded", at=NOW, to=PROGRAM, query=b""):
    """Store a lead as the service does, and return it."""
    try:
        verdict = judge(to, decode(body, content_type, query, to.names), at)
    except PayloadError as error:
        verdict = unreadable(to, str(error))
    return models.record(Submission(to.name, "impact", body, content_type, query, at), verdict)


def ann(at=NOW, to=PROGRAM):
    return post(b"email=ann@example.com&phone=415-555-2671&irpid=7&name=Ann&x=canary", at=at, to=to)


def stored(lead):
    with database.read():
        return Lead.get_or_none(id=lead.id)


def everything():
    """Return all values of all tables, as one text."""
    with database.read():
        rows = [row for name in database.db.get_tables() for row in database.db.execute_sql(f"SELECT * FROM {name}")]
    return " ".join(
        bytes(v).decode(errors="replace") if isinstance(v, bytes | memoryview) else str(v) for r in rows for v in r
    )


def purge(now=NOW, *programs):
    return [retention.purge(one, now, lambda _: None) for one in programs or [PROGRAM]]


def purge_some(now=NOW, *programs):
    """Do what the service does by itself, once; tell whether there is more to do."""
    more = database.transact(lambda: retention.purge_some(programs or [PROGRAM], now))
    wait_for("scrub")
    return more


# --- By age ---


def test_after_mask_after_only_the_decision_is_left(ledger):
    old, young = ann(NOW - timedelta(days=90, seconds=1)), ann(NOW - timedelta(days=89))
    assert purge() == [(1, 0)]
    masked = stored(old)
    assert masked.fields == {"email": "***", "phone": "***", "irpid": "7"}
    assert (masked.email, masked.phone, bytes(masked.body), bytes(masked.query)) == ("", "", b"", b"")
    assert masked.masked_at == NOW
    assert masked.trace == [*old.trace, {"check": "privacy", "result": "masked"}]
    for kept in ("partner", "reasons", "note", "amount", "customerid", "valid", "received_at", "rules", "observed"):
        assert getattr(masked, kept) == getattr(old, kept)
    assert stored(young).email == "ann@example.com"
    assert purge() == [(0, 0)]


def test_after_delete_after_the_lead_and_its_reasons_are_gone_and_it_stays_counted(ledger):
    old, refused = ann(NOW - timedelta(days=400)), ann(NOW - timedelta(days=380))
    young = ann(NOW - timedelta(days=300))
    assert (refused.reasons, refused.observed) == (["duplicate"], ["known"])
    assert purge() == [(1, 2)]
    assert stored(old) is stored(refused) is None
    assert stored(young).masked_at == NOW
    with database.read():
        assert {row.lead for row in Refusal.select()} == {young.id}
    assert collect(500, PROGRAM).totals.submissions == 3


def test_a_lead_that_came_late_is_deleted_only_when_it_is_counted(ledger, monkeypatch):
    ann(NOW - timedelta(days=300))
    assert purge() == [(1, 0)]
    late = ann(NOW - timedelta(days=400))  # by a clock that is wrong
    with monkeypatch.context() as patched:
        patched.setattr(daily, "roll_up", lambda *_: False)
        assert purge() == [(0, 0)]
        database.transact(lambda: retention.purge_some([PROGRAM], NOW + timedelta(days=2)))
        assert stored(late)
    assert purge() == [(0, 1)]
    assert collect(500, PROGRAM).totals.submissions == 2


def test_nothing_of_a_masked_lead_is_left_in_the_tables(ledger):
    ann(NOW - timedelta(days=91))
    assert all(text in everything() for text in PERSONAL)
    purge()
    assert not [text for text in PERSONAL if text in everything()]


def test_duplicates_of_masked_and_deleted_leads_are_still_found(ledger):
    first = ann(NOW - timedelta(days=299))
    purge()
    assert stored(first).masked_at
    assert ann().reasons == ["duplicate"]
    short = program("default", RULES.replace("delete_after: 365", "delete_after: 200"))
    assert purge(NOW, short)[0][1] == 1
    assert stored(first) is None
    assert ann().reasons == ["duplicate"]


def test_each_program_has_its_own_time_and_none_keeps_everything(ledger):
    quick = program("quick", RULES.replace("{mask_after: 90 days, delete_after: 365 days}", "{mask_after: 1 day}"))
    late = program("late", RULES.replace("{mask_after: 90 days, delete_after: 365 days}", "{delete_after: 10 days}"))
    never = program("never", RULES.replace("privacy:", "#"))
    leads = [ann(NOW - timedelta(days=999), to=one) for one in (quick, late, never)]
    assert purge(NOW, quick, late, never) == [(1, 0), (0, 1), (0, 0)]
    assert [bool(lead and lead.masked_at) for lead in map(stored, leads)] == [True, False, False]
    assert stored(leads[2]).email


def test_what_is_due_can_be_asked_before(ledger):
    ann(NOW - timedelta(days=91))
    ann(NOW - timedelta(days=400))
    with database.read():
        assert retention.due(PROGRAM, NOW) == (1, 1)
    assert purge() == [(1, 1)]
    with database.read():
        assert retention.due(PROGRAM, NOW) == (0, 0)


def test_the_service_purges_in_small_batches_once_a_day(ledger, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for number in range(5):
        ann(NOW - timedelta(days=91, seconds=number))
    count_all(programs=[PROGRAM])

    def turn(now=NOW):
        more = purge_some(now)
        with database.read():
            return more, Lead.select().where(Lead.masked_at.is_null()).count()

    assert [turn() for _ in range(4)] == [(True, 3), (True, 1), (True, 0), (False, 0)]
    ann(NOW - timedelta(days=91) + timedelta(hours=1))
    tomorrow = NOW + timedelta(days=1)
    count_all(tomorrow, [PROGRAM])
    assert turn(tomorrow - timedelta(seconds=1)) == (False, 1)  # it was done today already
    assert turn(tomorrow) == (True, 0)


def test_the_service_deletes_nothing_that_is_not_counted_yet(ledger):
    lead = ann(NOW - timedelta(days=400))
    assert not purge_some()
    assert stored(lead)
    count_all(programs=[PROGRAM])
    assert purge_some()
    assert stored(lead) is None


def test_a_repeated_request_gets_its_first_answer_when_the_lead_was_masked(ledger):
    first = models.record(submission("k"), judge(PROGRAM, {"email": ["ann@example.com"]}, NOW))
    soon = program("default", RULES.replace("90 days", "1 minute"))
    later = NOW + timedelta(hours=2)
    assert purge(later, soon) == [(1, 0)]
    again = models.record(submission("k"), judge(PROGRAM, {"email": ["ann@example.com"]}, NOW))
    assert (again.id, again.replayed, again.valid, again.amount, again.email) == (first.id, True, True, "10.00", "")


def submission(key):
    return Submission("default", "impact", b"email=ann@example.com", "", b"", NOW, "same", key)


# --- A person who asks ---

FORM, XML, JSON = "application/x-www-form-urlencoded", "application/xml", "application/json"
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


def test_names_that_no_rule_file_knows_are_not_kept_of_a_masked_lead(ledger):
    post(b"email=a@example.com&ann@example.com=1", at=NOW - timedelta(days=91))
    purge()
    assert "ann@example.com" not in everything()


def test_a_partner_that_is_a_person_is_counted_among_the_others(ledger):
    post(*WITH_EMAIL["the partner"])
    count_all(NOW + timedelta(hours=1), [PROGRAM])
    erase(EMAIL, "email")
    assert [figure.partner for figure in collect(1, PROGRAM).partners] == [daily.OTHERS]


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


# --- The files ---


def files_of(sqlite_file):
    return b"".join(path.read_bytes() for path in sqlite_file.parent.glob("leads.db*"))


def test_what_is_removed_is_not_in_the_files_of_sqlite_any_more(sqlite_file):
    database.migrate()
    for number in range(400):  # so that pages of the tables and their indexes were split and moved
        post(f"email={number * 7919 % 400}.canary@example.com&phone=415555{2000 + number}&n={'x' * number}".encode())
    assert files_of(sqlite_file).count(b"7.canary@example.com") > 0
    person = erasure.with_email("7.canary@example.com")
    found = erasure.find(person, lambda _: None)
    assert erasure.erase(found, person, "email")
    assert len(found) == 1
    assert b"=7.canary@" not in files_of(sqlite_file).lower()
    rest = erasure.Person("canary")
    erasure.erase(erasure.find(rest, lambda _: None), rest, "email")
    assert b"canary" not in files_of(sqlite_file).lower()
    assert b"4155552" not in files_of(sqlite_file)


def left_in(sqlite_file):
    """Return what of Ann is still in the files."""
    return [text for text in PERSONAL if text.encode() in files_of(sqlite_file)]


def test_what_the_service_masks_and_deletes_is_not_in_the_files_of_sqlite_any_more(sqlite_file):
    database.migrate()
    for age in (400, 91):
        ann(NOW - timedelta(days=age))
    count_all(programs=[PROGRAM])
    assert left_in(sqlite_file) == list(PERSONAL)
    while purge_some():
        pass
    assert left_in(sqlite_file) == []


@pytest.fixture
def impatient(monkeypatch):
    """SQLite waits for nobody who reads."""
    monkeypatch.setattr(engines, "LOCK_WAIT", 0)


@contextmanager
def reading(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM lead").fetchone()
        yield


def test_while_somebody_reads_the_files_are_left_and_soon_tried_again(impatient, sqlite_file, caplog):
    database.migrate()
    other = program("other", RULES)
    for one in (PROGRAM, other):
        ann(NOW - timedelta(days=91), one)
    count_all(programs=[PROGRAM, other])
    with reading(sqlite_file):
        while purge_some(NOW, PROGRAM, other):
            pass
        assert left_in(sqlite_file) == list(PERSONAL)
        (warning,) = [record.getMessage() for record in caplog.records if record.name == "datapost"]
        assert "somebody reads the database" in warning and "tried again in 5 minutes" in warning
    assert not purge_some(NOW + timedelta(minutes=4), PROGRAM, other)
    assert left_in(sqlite_file) == list(PERSONAL)
    assert not purge_some(NOW + timedelta(minutes=5), PROGRAM, other)
    assert left_in(sqlite_file) == []


def test_the_service_has_postgresql_free_the_room_of_what_it_masked(postgresql_ledger):
    ann(NOW - timedelta(days=91))
    count_all(programs=[PROGRAM])
    while purge_some():
        pass
    with database.read():
        (vacuums,) = database.db.execute_sql(
            "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'lead' AND schemaname = current_schema()"
        ).fetchone()
    assert vacuums == 1


FORGETFUL = """
partner: irpid
fields:
  email: {type: email, required: true}
  ssn: {type: id, standard: us.ssn, store: false, aliases: [social]}
  irpid: {}
"""
FORGOTTEN = {
    "form": (b"email=a@example.com&ssn=536-90-4399", FORM),
    "an alias": (b"email=b@example.com&Social=536-90-4399", FORM),
    "json": (b'{"email": "c@example.com", "ssn": ["536-90-4399"]}', JSON),
    "xml": (b"<l><email>d@example.com</email><ssn id='536-90-4399'>536-90-4399</ssn></l>", XML),
    "multipart": (multipart([("ssn", "536-90-4399")], "b")[0], "multipart/form-data; boundary=b"),
    "invalid": (b"ssn=536-90-4399-1", FORM),
    "unreadable": (b'{"ssn": "536-90-4399"', JSON),
    "below another name": (b'{"email": "e@example.com", "applicant": {"SSN": "536-90-4399"}}', JSON),
    "deep below, as an alias": (b"<l><a><b><social><c>536-90-4399</c></social></b></a></l>", XML),
    "an attribute": (b"<person ssn='536-90-4399'><email>f@example.com</email></person>", XML),
    "brackets": (b"applicant[s_s_n]=536-90-4399&x[ssn][]=536-90-4399", FORM),
}


def test_what_is_not_to_be_stored_is_nowhere(make_app, database_url, tmp_path):
    if database_url.startswith("postgresql"):
        models.connect(database_url, "a key for tests")
        database.migrate()
    partner = Partner(make_app(FORGETFUL, database_url=database_url))
    for body, content_type in FORGOTTEN.values():
        assert "Datapost-Lead" in partner.post(body, content_type).headers
    assert "Datapost-Lead" in partner.post(b"", path="/leads?ssn=536-90-4399").headers
    assert "a@example.com" in everything()
    assert "536-90" not in everything()
    if database_url.startswith("sqlite"):
        assert b"536-90" not in files_of(tmp_path / "leads.db")


# --- The commands ---


@pytest.fixture
def service(make_app, monkeypatch):
    """A service with Ann's lead of today and one of each age."""
    partner = Partner(make_app(RULES))
    now = datetime.now(UTC)
    for age in (400, 100, 1):
        ann(now - timedelta(days=age))
    partner.lead(email="ann@example.com")
    partner.lead(email="bob@example.com")

    def run(*line, **options):
        return partner.app.test_cli_runner().invoke(args=line, **options)

    partner.flask = run
    return partner


def test_purge_says_what_it_would_do_and_what_it_did(service):
    assert service.flask("leads", "purge", "--dry-run").output == (
        "default: 1 lead would be masked, 1 lead would be deleted\n"
    )
    assert len(service.stored()) == 5
    assert service.flask("leads", "purge").output == "default: 1 lead masked, 1 lead deleted\n"
    assert len(service.stored()) == 4
    mistaken = service.flask("leads", "purge", "--program", "defalt").output
    assert 'there is no program defalt. Did you mean "default"?' in mistaken


def test_what_purge_removed_is_not_in_the_files_any_more(service, tmp_path):
    post(b"email=kim@example.com", at=datetime.now(UTC) - timedelta(days=200))
    assert b"kim@example" in files_of(tmp_path / "leads.db")
    service.flask("leads", "purge", "--dry-run")
    assert b"kim@example" in files_of(tmp_path / "leads.db")
    service.flask("leads", "purge")
    assert b"kim@example" not in files_of(tmp_path / "leads.db")


def test_purge_says_that_it_is_to_be_run_again_where_somebody_reads_the_files(impatient, service, tmp_path):
    with reading(tmp_path / "leads.db"):
        assert "Somebody reads the database" in service.flask("leads", "purge").output
    assert service.flask("leads", "purge").output == "default: 0 leads masked, 0 leads deleted\n"


def test_purge_names_programs_whose_leads_nobody_purges(service):
    ann(to=program("gone", RULES))
    output = service.flask("leads", "purge").output
    assert "gone: kept as they came, since there is no rule file that says how long" in output


def test_the_chores_of_the_service_count_and_purge(service):
    do_chores()
    assert [bool(lead.masked_at) for lead in service.stored()] == [True, False, False, False]
    with database.read():
        assert daily.Day.select().count() >= 2


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


def test_a_masked_lead_is_shown_and_explained_as_one_and_a_backtest_passes_over_it(service, tmp_path):
    service.flask("leads", "purge")
    lead = service.stored()[0]
    shown = service.flask("leads", "show", lead.id)
    assert "  privacy               masked\n" in shown.stdout
    assert "the values of this lead were removed on" in shown.stderr
    assert "were removed" in service.flask("leads", "show", lead.id, "--body").output
    explained = json.loads(service.flask("leads", "explain", lead.id, "--format", "json").output)
    assert "it cannot be judged again" in explained["rules_of_that_day"]["error"]
    path = tmp_path / "default.yaml"
    path.write_text(RULES)
    report = json.loads(service.flask("rules", "backtest", str(path), "--since", "200d", "--format", "json").output)
    assert (report["judged"], report["values_removed"]) == (3, 1)
    with suppress(FileNotFoundError):
        path.unlink()
