"""Sub-partners in what the commands list."""

import json

import pytest
from cast import Partner

RULES = "partner: [irpid, subid]\nfields: {irpid: {}, subid: {}}"


@pytest.fixture
def run(make_app):
    partner = Partner(make_app(RULES))
    for subid in ("s-1", "s-2"):
        partner.lead(irpid="bright", subid=subid)
    return lambda *line: partner.app.test_cli_runner().invoke(args=line).output


def test_leads_are_listed_by_their_sub_partner(run):
    (line,) = run("leads", "export", "--subpartner", "s-2").splitlines()
    lead = json.loads(line)
    assert (lead["partner"], lead["subpartner"]) == ("bright", "s-2")


def test_the_table_has_a_column_for_it_where_a_program_names_it(run, flask, partner):
    head, *rows = run("leads", "list").splitlines()
    assert head.split()[3:5] == ["PARTNER", "SUBPARTNER"]
    assert [row.split()[5:7] for row in rows] == [["bright", "s-2"], ["bright", "s-1"]]


def test_the_table_is_as_ever_where_none_does(flask, partner):
    partner.lead(email="ann@example.com")
    assert flask("leads", "list").output.split()[:5] == ["ID", "RECEIVED", "PROGRAM", "PARTNER", "VALID"]
