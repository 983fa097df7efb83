"""What commands show has a form for programs: JSON, and nothing else on standard output."""

import json

import pytest
from cast import RULES, Partner, serving

import database
from web.settings import User

# A value for a setting, a schema, which is JSON in any case, and a CSV that impact.com reads.
WITHOUT = {"hash-password", "rules schema", "reversals file"}

LINES = [
    "rules check", "rules try default lead.json", "rules backtest default.yaml", "leads list", "leads show ID",
    "leads explain ID", "leads export", "leads purge", "leads purge --dry-run", "leads erase --id ID --dry-run",
    "leads erase --email ann@example.com --yes", "leads erase --email nobody@example.com --forget-duplicates",
    "contract default", "contract default --prove", "docs", "docs default", "migrate", "example",
    "simulate default --url URL", "deliver run", "deliver again --lead ID",
]  # fmt: skip
RULES += "examples: [{name: x, lead: {email: ann@example.com, first_name: O'Ann}, expect: valid}]\ntest_flag: is_test"
RULES = RULES.replace("  years:", "  is_test: {type: boolean}\n  years:")


@pytest.fixture
def brand(make_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    partner = Partner(make_app(RULES, operators=(User("owner", "letmein"),)))
    partner.id = partner.lead(email="ann@example.com")["uniqueid"]
    (tmp_path / "lead.json").write_text("{}")
    (tmp_path / "default.yaml").write_text(RULES)
    return partner


def run(partner, line, **options):
    return partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line.split(), **options)


def test_every_command_that_shows_something_has_a_form_for_programs(brand):
    groups, made = brand.app.cli.commands, {}
    for name, command in groups.items():
        made |= {f"{name} {sub}": it for sub, it in getattr(command, "commands", {}).items()} or {name: command}
    forms = {name: [set(it.type.choices) for it in made[name].params if "--format" in it.opts] for name in made}
    assert {name for name, choices in forms.items() if not any("json" in some for some in choices)} == WITHOUT


@pytest.mark.parametrize("line", LINES)
def test_what_it_prints_is_json_and_nothing_else(brand, line):
    with serving(brand.app) as url:
        result = run(brand, f"{line.replace('ID', brand.id).replace('URL', url)} --format json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)


def test_what_must_be_asked_is_asked_on_standard_error(brand):
    result = run(brand, "leads erase --email ann@example.com --format json", input="y\n")
    assert json.loads(result.stdout)["erased"] == 1
    assert "Erase all that is known of people in 1 lead, for ever?" in result.stderr


def test_example_has_what_a_script_posts_and_where_the_pages_are(brand):
    made = json.loads(run(brand, "example --url https://leads.example.com --format json").stdout)
    assert list(made) == ["url", "program", "lead", "curl", "answer", "docs", "dashboard"]
    assert (made["url"], made["program"]) == ("https://leads.example.com/leads", "default")
    assert made["lead"].keys() == {"email", "first_name"}
    assert made["curl"].startswith("curl -u impact:secret --data-urlencode email=ann.")
    assert "<valid>true</valid>" in made["answer"]
    assert made["docs"].startswith("https://leads.example.com/docs/default?key=")
    owner = {"user": "owner", "password": "letmein"}
    assert made["dashboard"] == {"url": "https://leads.example.com/dashboard"} | owner


def test_migrate_names_what_it_applied(make_app):
    made = Partner(make_app(empty=True))
    first, second = (json.loads(run(made, "migrate --format json").stdout) for _ in range(2))
    assert first["applied"][0] == "0001_first_tables"
    assert second == {"applied": []}
    with database.read():
        assert database.db.table_exists("lead")
