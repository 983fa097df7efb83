"""Who a lead is, as the fields of its program tell it, and by what of them it is found."""

import json

import pytest
from counted import NOW, program, submit

import database
from leads import search
from leads.search import FilterError, read_filter
from leads.who import People
from web import masks

LOANS = program(
    "loans",
    """
partner: irpid
fields:
  email: {type: email}
  first_name: {aliases: [given]}
  surname: {}
  state: {type: choice, one_of: [CA, NY]}
  amount: {type: money}
  wants: {multiple: true}
  consent: {type: consent}
  birth_date: {type: date, sensitive: true}
  ssn: {store: false}
  irpid: {}
""",
)
ROOFS = program("roofs", "fields: {contact: {label: full name, sensitive: true}, mail: {type: email}, state: {}}")
PROGRAMS = {one.name: one for one in (LOANS, ROOFS)}
ANN = {"email": "ann@example.com", "first_name": "Ann-Marie", "surname": 'O\'Neill "Zoë"', "state": "CA"}


def who(program, **fields):
    row = type("Row", (), {"program": program.name, "rules": program.hash, "fields": fields})
    return People(PROGRAMS).who(row, masks.hidden_fields(PROGRAMS)(row))


@pytest.mark.parametrize(
    ("to", "fields", "told"),
    [
        (LOANS, ANN, 'Ann-Marie O\'Neill "Zoë"'),
        (LOANS, {"first_name": "Ann", "email": "ann@example.com"}, "Ann"),
        (LOANS, {"email": "ann@example.com", "wants": ["a"]}, "ann@example.com"),
        (LOANS, {"first_name": "", "email": None}, ""),
        (LOANS, {"state": "CA"}, ""),
        (ROOFS, {"contact": "Ann Smith", "mail": "ann@example.com"}, "ann@example.com"),
        (ROOFS, {"contact": "Ann Smith"}, "***"),
        (LOANS, {"contact": "Ann Smith"}, ""),
    ],
)
def test_a_lead_is_told_by_its_name_else_its_address_and_masked_where_nothing_else_is_left(to, fields, told):
    assert who(to, **fields) == told


@pytest.fixture
def leads(ledger):
    return {
        "ann": submit(NOW, LOANS, **ANN, amount="$250,000", wants="roof", consent="yes", birth_date="1990-05-01").id,
        "bob": submit(NOW, LOANS, first_name="Bob", surname="Smith", state="NY", amount="25", ssn="123-45-6789").id,
        "roof": submit(NOW, ROOFS, contact="Ann Smith", mail="roof@example.com", state="CA").id,
    }


def found(leads, **texts):
    with database.read():
        found = search.page(read_filter(texts, PROGRAMS, NOW))[0]
    return {name for name, lead_id in leads.items() if lead_id in {lead.id for lead in found}}


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ({"name": "ann"}, {"ann"}),
        ({"name": "ZOË  marie"}, {"ann"}),
        ({"name": 'o\'neill "zoë"'}, {"ann"}),
        ({"name": "smith"}, {"bob"}),
        ({"name": "ann smith"}, set()),
        ({"name": "ann@example.com"}, set()),
        ({"field": "state=ca"}, {"ann", "roof"}),
        ({"field": "state=ca", "program": "roofs"}, {"roof"}),
        ({"field": ["state = CA", "surname=neill"]}, {"ann"}),
        ({"field": "amount=250000"}, {"ann"}),
        ({"field": "amount=$250,000.00"}, {"ann"}),
        ({"field": "amount=25"}, {"bob"}),
        ({"field": "wants=oo"}, {"ann"}),
        ({"field": "consent=yes"}, {"ann"}),
        ({"field": "email=ANN@"}, {"ann"}),
        ({"field": "surname=neill", "name": "bob"}, set()),
        ({"field": "surname=neill", "partner": "7"}, {"ann"}),
        ({"field": "surname=neill", "partner": "8"}, set()),
        ({"field": "surname=%"}, set()),
        ({"field": "first_name=birth_date"}, set()),
    ],
)
def test_a_lead_is_found_by_its_name_or_the_value_of_a_field(leads, texts, names):
    assert found(leads, **texts) == names


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("birth_date=1990-05-01", "sensitive or not stored"),
        ("birth_date=1990", "sensitive or not stored"),
        ("ssn=123", "sensitive or not stored"),
        ("contact=Ann", "sensitive or not stored"),
        ("shoe=43", "field takes one that a rule file declares: email, first_name, "),
        ("state", "field takes the name of a field and a value: state=CA"),
        ("=CA", "field takes the name of a field and a value"),
        ("state=", "field takes the name of a field and a value"),
    ],
)
def test_nobody_is_found_by_a_field_that_is_masked_or_not_declared(text, sentence):
    with pytest.raises(FilterError, match=sentence) as caught:
        read_filter({"field": text}, PROGRAMS, NOW)
    assert "1990" not in str(caught.value) and "Ann" not in str(caught.value)


def test_what_the_rules_of_that_day_called_sensitive_is_not_found_though_today_they_do_not(ledger):
    then = program("loans", "fields: {surname: {sensitive: true}, email: {type: email}}")
    lead = submit(NOW, then, surname="Smith", email="x@example.com")
    now = program("loans", "fields: {surname: {}, email: {type: email}, more: {}}")
    now = {"loans": type(now)(**vars(now) | {"hash": "n" * 64})}
    text = json.dumps(lead.fields)
    assert "Smith" in text
    with database.read():
        for texts in ({"field": "surname=smith"}, {"name": "smith"}):
            assert search.page(read_filter(texts, now, NOW))[0] == []


def test_nobody_is_found_by_values_that_were_removed(leads):
    database.transact(
        search.Lead.update(masked_at=NOW, fields={"first_name": masks.MASK})
        .where(search.Lead.id == leads["bob"])
        .execute
    )
    for texts in ({"name": "bob"}, {"name": "*"}, {"field": "first_name=*"}):
        assert found(leads, **texts) == set()
