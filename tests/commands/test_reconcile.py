"""`flask reconcile`: what it prints, to people and to programs, and when it could not."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from reconciling import RULES, Brand

from commands import reconcile as command
from impact.lease import Lease
from impact.standin import StandIn


@pytest.fixture
def standin():
    with StandIn() as made:
        yield made


@pytest.fixture
def shop(make_app, standin, tmp_path, monkeypatch):
    return of(Brand(make_app, standin, datetime.now(UTC)), tmp_path, monkeypatch)


def of(brand, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(line, status=0, **options):
        words = line if isinstance(line, list) else line.split()
        result = brand.app.test_cli_runner(catch_exceptions=False).invoke(args=["reconcile", *words], **options)
        assert result.exit_code == status, result.output
        return result

    brand.run = run
    brand.json = lambda line="": json.loads(run(f"{line} --format json").stdout)
    return brand


KEYS = ["kind", "program", "lead", "oid", "action", "expected", "found", "sentence"]


def test_programs_read_what_does_not_fit_with_the_keys_that_the_documents_name(shop):
    lead, action = shop.both(amount="12.00")
    told = shop.json("default --since 60d")
    assert list(told) == ["actions", "findings"] and told["actions"] == 1
    (found,) = told["findings"]
    assert list(found) == KEYS
    assert (found["kind"], found["program"], found["lead"], found["oid"]) == ("amount_differs", "default", lead, lead)
    assert (found["action"], found["expected"], found["found"]) == (action, "10.00", "12.00")
    assert "10.00 USD" in found["sentence"] and "See where impact.com takes" in found["sentence"]


def test_people_read_sentences(shop):
    shop.both()
    assert shop.run("").stdout == "default: 1 action at impact.com, and all fits\n"
    shop.lead()
    assert "and 1 finding\n  no_conversion       Lead 01" in shop.run("default").stdout


def test_all_programs_at_impact_com_are_reconciled(make_app, standin, tmp_path, monkeypatch):
    rules = {"one": RULES, "two": RULES.replace("1000", "2000"), "plain": RULES.split("impact:")[0]}
    shop = of(Brand(make_app, standin, datetime.now(UTC), rules), tmp_path, monkeypatch)
    assert [line.partition(":")[0] for line in shop.run("").stdout.splitlines()] == ["one", "two"]
    assert "write impact: there" in shop.run("plain", 1).stderr


def test_where_no_program_is_at_impact_com_it_says_so(make_app, standin, tmp_path, monkeypatch):
    shop = of(Brand(make_app, standin, datetime.now(UTC), RULES.split("impact:")[0]), tmp_path, monkeypatch)
    assert "no rule file has impact:" in shop.run("", 1).stderr


def test_without_an_account_it_names_the_settings_and_the_file(make_app, standin, tmp_path, monkeypatch):
    shop = of(Brand(make_app, standin, datetime.now(UTC), impact_sid=""), tmp_path, monkeypatch)
    told = shop.run("--format json", 1)
    assert (
        "DATAPOST_IMPACT_SID and DATAPOST_IMPACT_TOKEN" in told.stderr and "--file" in told.stderr and not told.stdout
    )


def test_wrong_credentials_are_a_sentence(make_app, standin, tmp_path, monkeypatch):
    shop = of(Brand(make_app, standin, datetime.now(UTC), impact_token="wrong-canary"), tmp_path, monkeypatch)
    told = shop.run("", 1).stderr
    assert "401" in told and "canary" not in told


def test_it_says_so_while_another_one_is_at_it(shop):
    Lease("default")
    assert "is being reconciled already" in shop.run("", 1).stderr


def test_it_waits_a_while_for_calls_and_not_for_long(shop, standin, monkeypatch):
    waited = []
    monkeypatch.setattr(command.time, "sleep", waited.append)
    monkeypatch.setattr("impact.quota.quiet", lambda seconds: seconds)
    standin.fail("GET", 429, X_RateLimit_Reset="40")
    assert "it goes on in 40 s" in shop.run("").stderr and waited == [40]
    standin.fail("GET", 429, X_RateLimit_Reset="900")
    assert "429" in shop.run("", 1).stderr


# --- By a report ---

HEAD = "Action Id,Order,State,Amount,Currency,Event Date\n"


def write(tmp_path, shop, text=HEAD, leads=(), name="actions.csv"):
    day = f"{shop.now - timedelta(days=3):%Y-%m-%d}"
    rows = "".join(f"{n},{lead},Pending,10.00,USD,{day}\n" for n, lead in enumerate(leads))
    (tmp_path / name).write_text(text + rows)


def test_a_report_needs_no_account(make_app, standin, tmp_path, monkeypatch):
    shop = of(Brand(make_app, standin, datetime.now(UTC), impact_sid=""), tmp_path, monkeypatch)
    write(tmp_path, shop, leads=[shop.lead(), "NOBODY"])
    told = shop.json("default --file actions.csv")
    assert told["actions"] == 2 and [one["kind"] for one in told["findings"]] == ["unknown_here"]


def test_which_column_is_which_is_said_once_and_kept(shop, tmp_path):
    lead = shop.lead()
    write(tmp_path, shop, HEAD.replace("Order", "Ref"), [lead])
    told = shop.run("default --file actions.csv", 1).stderr
    assert "which column is the order id (the lead's id)? Say it by --column oid=" in told and "Ref" in told
    shop.run("default --file actions.csv --column oid=ref")
    assert "all fits" in shop.run("default --file actions.csv").stdout


def test_a_terminal_is_asked_with_what_is_likely(shop, tmp_path, monkeypatch):
    write(tmp_path, shop, HEAD.replace("Order", "Ref"), [shop.lead()])
    monkeypatch.setattr(command, "_is_asked", lambda: True)
    told = shop.run("default --file actions.csv", input="2\n" + "\n" * 11)
    assert "Which is the order id (the lead's id)?" in told.stderr and "all fits" in told.stdout


def test_a_report_with_other_columns_is_read_anew(shop, tmp_path):
    write(tmp_path, shop, HEAD, [shop.lead()])
    shop.run("default --file actions.csv")
    write(tmp_path, shop, HEAD.replace("Order", "Order Id"), [shop.lead()])
    assert "oid is Order Id" in shop.run("default --file actions.csv").stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["--file", "actions.csv"], "name the program that the report is of"),
        (["default", "--file", "none.csv"], "none.csv cannot be read"),
        (["default", "--file", "actions.csv", "--column", "oidd=x"], 'Did you mean "oid"?'),
        (["default", "--file", "actions.csv", "--column", "oid=Odrer"], 'Did you mean "Order"?'),
        (["default", "--column", "oid=Order"], "name it by --file"),
        (["default", "--since", ""], "--since is empty"),
    ],
)
def test_mistakes_are_told(shop, tmp_path, line, told):
    write(tmp_path, shop)
    assert told in shop.run(line, 1).stderr


def test_days_that_may_be_of_two_months_are_asked_for(shop, tmp_path):
    (tmp_path / "actions.csv").write_text("Oid,Event Date\nA,02/11/2025\nB,02/12/2025\n")
    assert "--dates MM/DD/YYYY" in shop.run("default --file actions.csv", 1).stderr
    assert shop.json("default --file actions.csv --dates DD/MM/YYYY")["actions"] == 2
