"""A page of leads comes in a time that does not grow with the ledger, with how many there are, as far as is known."""

from datetime import timedelta

import pytest
from cast import statements
from counted import NOW, PROGRAM, program, submit

import database
from leads import looking, search
from leads.search import Filter, read_filter

SOLAR = program("solar")


@pytest.fixture
def leads(ledger):
    """Of sixty leads every third is refused, every fifth is of a partner of its own, every tenth of solar."""
    made = []
    for number in range(60):
        fields = {"years": 40 if number % 3 else 3, "partner": "few" if number % 5 == 0 else "many"}
        at = NOW + timedelta(seconds=number)
        made.append(submit(at, SOLAR if number % 10 == 0 else PROGRAM, **fields, email=f"n{number}@example.com").id)
    return made


@pytest.fixture
def slow(monkeypatch):
    """The time is always up, after ten leads, which are looked at five at a time."""
    for name, value in {"AT_LEAST": 10, "SLICE": 5, "MATCHED_AT_ONCE": 5}.items():
        monkeypatch.setattr(looking, name, value)


def look(after=None, size=50, seconds=0.000001, programs=None, **texts):
    wanted = read_filter(texts, {"default": PROGRAM, "solar": SOLAR}, NOW)
    with database.read():
        wanted = search.replace(wanted, programs=programs)
        return search.look(wanted, after, size, seconds=seconds)


FILTERS = [
    {},
    {"partner": "few"},
    {"valid": "no", "partner": "few"},
    {"reason": "adult", "test": "no"},
    {"reason": "adult", "partner": "few", "program": "default"},
    {"partner": "many", "field": "email=9@"},
    {"partner": "few", "valid": "yes", "since": "2026-03-20T15:30:20Z"},
    {"programs": frozenset({"solar"}), "partner": "few"},
    {"programs": frozenset({"solar", "default"}), "field": "email=9@"},
    {"programs": frozenset()},
    {"test": "yes"},
]


@pytest.mark.parametrize("texts", FILTERS, ids=" ".join)
def test_however_short_the_time_pages_hold_every_lead_once(leads, slow, texts):
    pages, after = [], ""
    while after is not None:
        found = look(after, size=4, **texts)
        pages.append(found.leads)
        assert len(found.leads) == 4 or found.looked_to or not found.older
        after = found.older
    ids = [lead.id for page in pages for lead in page]
    whole = look(seconds=60, size=1000, **texts)
    assert ids == [lead.id for lead in whole.leads] == sorted(set(ids), reverse=True)
    assert whole.older is None and whole.counted_all and whole.count == len(ids)


def test_the_number_found_is_exact_where_all_were_looked_at(leads):
    assert [(look(seconds=60, **texts).count, look(seconds=60, **texts).counted_all) for texts in FILTERS[:4]] == [
        (60, True),
        (12, True),
        (4, True),
        (20, True),
    ]


def test_where_the_time_was_up_it_says_how_many_there_are_at_least_and_how_far_it_looked(leads, slow):
    found = look(reason="adult", partner="few")
    assert not found.counted_all and 0 < found.count < 4
    assert found.looked_to and found.older and found.looked_to <= found.leads[-1].received_at


def test_of_very_many_leads_it_says_that_there_are_more(leads, monkeypatch):
    monkeypatch.setattr(looking, "MOST_COUNTED", 10)
    for texts in ({}, {"valid": "no"}, {"valid": "no", "test": "no"}, {"partner": "many", "field": "email=@"}):
        found = look(seconds=60, size=4, **texts)
        assert (found.count, found.counted_all, len(found.leads), found.looked_to) == (10, False, 4, None)


def test_a_later_page_tells_how_many_there_are_in_all(leads):
    first = look(seconds=60, size=4, reason="adult", partner="few", test="no", valid="no")
    assert look(first.older, seconds=60, size=4, valid="no", test="no").count == 20


def test_the_condition_with_the_fewest_leads_leads_the_way(leads):
    for texts, column in [
        ({"partner": "few", "reason": "adult"}, '"partner" ='),
        ({"partner": "many", "reason": "adult"}, '"code" ='),
        ({"partner": "many", "valid": "no"}, '"valid" ='),
        ({"partner": "few", "email": "n5@example.com"}, "LOWER("),
    ]:
        with statements() as seen:
            look(seconds=60, **texts)
        (way,) = [sql for sql, _ in seen if "ORDER BY" in sql]
        assert column in way.partition("WHERE")[2], texts


@pytest.mark.parametrize("programs", [None, frozenset({"default"})])
def test_an_address_that_a_sender_gives_to_all_its_leads_leads_no_way(leads, slow, monkeypatch, programs):
    monkeypatch.setattr(looking, "COMPARED", 3)
    same = [submit(NOW + timedelta(minutes=5, seconds=n), email="same@example.com").id for n in range(7)]
    with statements() as seen:
        found = look(seconds=60, programs=programs, email="same@example.com")
    assert [lead.id for lead in found.leads] == same[::-1] and (found.count, found.counted_all) == (7, True)
    assert look(size=2, seconds=60, programs=programs, email="same@example.com", valid="no").leads == []
    slices = [(sql, params) for sql, params in seen if "LOWER" in sql and '"id" IN (' in sql]
    word = "EXPLAIN" if database.engine().side_by_side else "EXPLAIN QUERY PLAN"
    with database.read():
        plans = [str(database.db.execute_sql(f"{word} {sql}", params).fetchall()) for sql, params in slices]
    assert plans and not any("lead_mailbox" in plan for plan in plans)


def test_no_statement_reads_more_than_a_slice(leads, slow):
    with statements() as seen:
        look(reason="adult", partner="few", field="email=@")
    assert all("LIMIT" in sql or '"id" IN (' in sql for sql, _ in seen if "rule" not in sql.partition("FROM")[2][:16])


def test_a_lead_is_found_by_its_customer(ledger):
    lead = submit(NOW, program("default", "customer: [email]\nfields: {email: {type: email}}"), email="a@example.com")
    submit(NOW, email="b@example.com")
    assert [found.id for found in look(customer=lead.customerid.upper()).leads] == [lead.id]
    with pytest.raises(search.FilterError, match="customer is not a customerid"):
        look(customer="ann")


def test_a_filter_finds_nothing_that_its_operator_may_not_see(leads):
    with database.read():
        assert search.look(Filter(programs=frozenset({"solar"}), program="default"), seconds=1).leads == []
        found = search.look(Filter(programs=frozenset({"solar"}), partner="few", reason="adult"), seconds=1)
    assert {lead.program for lead in found.leads} == {"solar"} and found.count == 2


@pytest.mark.parametrize("there", [{"partner": "many"}, {"program": "default"}, {"reason": "adult"}, {"valid": "no"}])
def test_whoever_sees_some_programs_is_not_told_by_time_or_cursor_that_others_have_leads(leads, slow, there):
    nowhere = {name: "uk" if name == "program" else "nobody.here" for name in there if name != "valid"}
    roofs = {"programs": frozenset({"roofs"})}
    assert look(**roofs, **there) == look(**roofs, **nowhere) == looking.Found([], None, 0, True)
    told = [look(programs=frozenset({"solar"}), field="email=nobody@", **names) for names in (there, nowhere)]
    assert all(found.older is None or found.older in leads[::10] for found in told)


def test_leads_elsewhere_push_no_lead_of_the_same_person_out_of_the_list(ledger):
    first, second = [submit(NOW, SOLAR, email="n@example.com") for _ in range(2)]
    for n in range(3):
        submit(NOW + timedelta(seconds=n + 1), PROGRAM, email="n@example.com")
    with database.read():
        assert [lead.id for lead in search.repeats_of(first, 2, programs=frozenset({"solar"}))] == [second.id]
        assert search.repeats_of(first, 2, programs=frozenset()) == []
