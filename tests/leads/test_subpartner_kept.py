"""A sub-partner is kept with its lead: read in every format, found, exported, masked and erased as its partner is."""

import json
from datetime import timedelta

import pytest
from cast import FORM, JSON, XML, Partner, multipart
from counted import NOW, count_all, program
from purged import RULES, everything, post, purge, stored

import database
from leads import erasure, export, search
from leads.backtest import Backtest, backtest
from models import Day, Lead
from web import presenting

NAMED = RULES.replace("partner: irpid", "partner: [irpid, subid]").replace("irpid: {}", "irpid: {}\n  subid: {}")
PROGRAM = program("default", NAMED)
BOUNDED, BOUNDARY = multipart([("irpid", "bright"), ("subid", "s-1")])


def send(subid="s-1", partner="bright", at=NOW, email="ann@example.com"):
    return post(f"email={email}&irpid={partner}&subid={subid}".encode(), at=at, to=PROGRAM)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("irpid=bright&subid=s-1", FORM),
        ('{"irpid": "bright", "subid": "s-1"}', JSON),
        ("<lead><irpid>bright</irpid><subid>s-1</subid></lead>", XML),
        (BOUNDED, BOUNDARY),
    ],
    ids=["form", "JSON", "XML", "multipart"],
)
def test_a_sub_partner_is_stored_from_every_format(make_app, body, content_type):
    partner = Partner(make_app(NAMED))
    partner.post(body, content_type)
    assert [(lead.partner, lead.subpartner) for lead in partner.stored()] == [("bright", "s-1")]


def test_a_sub_partner_may_stand_in_the_address(make_app):
    partner = Partner(make_app("query_wins: [subid]\n" + NAMED))
    partner.post("irpid=bright&subid=other", path="/leads?subid=s-1")
    assert [lead.subpartner for lead in partner.stored()] == ["s-1"]


def test_leads_are_found_by_their_sub_partner(ledger):
    ours, other, theirs = send(), send("s-2"), send(partner="dim")
    for texts, leads in [
        ({"subpartner": "s-1"}, [ours, theirs]),
        ({"subpartner": "s-1", "partner": "bright"}, [ours]),
        ({"subpartner": "s-2"}, [other]),
        ({"subpartner": "S-1"}, []),
        ({"subpartner": "\0"}, []),
    ]:
        with database.read():
            found = list(search.leads(search.read_filter(texts, {"default": PROGRAM}), newest_first=False))
        assert {lead.id for lead in found} == {lead.id for lead in leads}, texts


def test_a_lead_tells_its_sub_partner_beside_its_partner_where_there_are_any(ledger):
    named, alone = send(), post(b"irpid=bright&subid=s-1")
    with database.read():
        today = presenting.presenter({"default": PROGRAM})
        shown = today(Lead.get_by_id(named.id))
        assert list(shown)[4:6] == ["partner", "subpartner"] and shown["subpartner"] == "s-1"
        assert today(Lead.get_by_id(alone.id))["subpartner"] == ""
        before = presenting.presenter({"default": program("default", RULES)})
        assert before(Lead.get_by_id(named.id))["subpartner"] == "s-1"
        assert list(before(Lead.get_by_id(alone.id))) == list(presenting.KEYS)


def test_csv_has_a_column_of_sub_partners_where_a_program_names_them(ledger):
    send("=s-1")
    for rules, head in [(NAMED, "user,partner,subpartner,valid"), (RULES, "user,partner,valid")]:
        programs = {"default": program("default", rules)}
        with database.read():
            leads = map(presenting.presenter(programs), Lead.select())
            lines = list(export.csv_lines(leads, export.columns(programs)))
        assert head in lines[0]
        assert (",bright,'=s-1,true," in lines[1]) == (rules == NAMED)


def test_what_is_masked_by_age_keeps_its_sub_partner_as_its_partner(ledger):
    lead = send(at=NOW - timedelta(days=91))
    purge(NOW, PROGRAM)
    masked = stored(lead)
    assert (masked.partner, masked.subpartner) == ("bright", "s-1")
    assert masked.fields == {"email": "***", "irpid": "bright", "subid": "s-1"}


def test_a_sub_partner_that_is_the_person_is_erased_everywhere(ledger):
    lead, other = send("ann@example.com", email="x@example.com"), send("s-2", email="y@example.com")
    count_all(NOW + timedelta(hours=1), [PROGRAM])
    person = erasure.with_email("ann@example.com")
    found = erasure.find(person, lambda _: None)
    assert [one.id for one in found] == [lead.id]
    erasure.erase(found, person, "email")
    assert (stored(lead).partner, stored(lead).subpartner) == ("bright", "")
    assert stored(other).subpartner == "s-2"
    assert not person.stands_in(everything())
    with database.read():
        (row,) = Day.select()
    assert (row.counts["bright"]["valid"][0], list(row.subpartners["bright"])) == (2, ["s-2"])


def test_the_backtests_that_may_name_a_person_are_gone_too(ledger):
    send("ann@example.com", email="x@example.com")
    row = {"id": "B", "program": "default", "operator": "", "text": "", "state": "done", "report": {}}
    database.transact(Backtest.insert(started_at=NOW, renewed_at=NOW, **row).execute)
    person = erasure.with_email("ann@example.com")
    erasure.erase(erasure.find(person, lambda _: None), person, "email")
    with database.read():
        assert not Backtest.select().exists()


def test_a_backtest_tells_by_sub_partner(ledger):
    leads = [send("s-1"), send("s-2", email="bob@example.com"), send("", email="kim@example.com")]
    changed = program("default", NAMED.replace("rules:", "rules:\n  - {id: none, reject_if: irpid == 'bright'}"))
    found = backtest(changed, leads, NOW, show=1).as_dict()
    one = {"count": 1, "amount": "10.00"}
    assert found["now_refused"]["by_partner"] == {"bright": {"count": 3, "amount": "30.00"}}
    assert found["now_refused"]["by_subpartner"] == {"bright": {"s-1": one, "s-2": one}}
    assert found["changes"][0]["subpartner"] == "s-1"
    assert "by_subpartner" not in found["now_taken"]
    assert "subpartner" not in json.dumps(backtest(changed, leads[2:], NOW, show=1).as_dict())
