"""The commands that tell what a changed file would do, and why a lead was judged as it was."""

import json

import pytest
from cast import Partner


def backtest(shop, rules, *options):
    with open("default.yaml", "w") as file:
        file.write(rules)
    return json.loads(shop.flask("rules", "backtest", "default.yaml", "--format", "json", *options).output)


def test_a_backtest_of_the_same_rules_changes_nothing(shop):
    report = backtest(shop, shop.rules)
    assert report["judged"] == 4
    assert report["now_refused"]["count"] == report["now_taken"]["count"] == 0
    assert report["amount_before"] == report["amount_after"] == "20.00"


def test_a_backtest_flips_exactly_the_leads_that_it_should(shop):
    report = backtest(shop, shop.rules.replace("years < 18", "years < 21 or years == 17"), "--show", "5")
    bob = shop.stored()[1]
    assert [change["id"] for change in report["changes"]] == [bob.id]
    assert report["now_refused"] == {
        "count": 1,
        "amount": "10.00",
        "by_reason": {"adult": {"count": 1, "amount": "10.00"}},
        "by_partner": {"8": {"count": 1, "amount": "10.00"}},
    }
    assert report["amount_after"] == "10.00"
    assert report["changes"][0]["fields"]["email"] == "b***"


def test_what_a_backtest_shows_of_a_lead_gives_nothing_away(make_app, tmp_path, monkeypatch):
    """Neither short values, of which a letter is much, nor what any rule file calls sensitive, the changed one too."""
    monkeypatch.chdir(tmp_path)
    rules = "fields: {email: {type: email}, born: {}, zip: {}, plan: {sensitive: true}}"
    partner = Partner(make_app({"default": rules, "solar": "fields: {city: {sensitive: true}}"}))
    secret = {"born": "1990-05-01", "plan": "premium", "city": "Boston", "a": {"Born": "1990-05-01"}}
    partner.lead(email="kim@example.com", zip="9021", town="Boston", n=["1", "Lee-Ann"], **secret)
    partner.rules = rules.replace("born: {}", "born: {sensitive: true}") + "\nrules: [{id: x, require: zip == '1'}]"
    partner.flask = lambda *line: partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line)
    (change,) = backtest(partner, partner.rules, "--show", "1")["changes"]
    hidden = dict.fromkeys(["zip", "plan", "born", "city", "a.Born"], "***")
    assert change["fields"] == {"email": "k***", "town": "B***", "n": ["***", "L***"]} | hidden


def test_a_backtest_tells_what_would_be_taken_and_for_how_much(shop):
    report = backtest(shop, shop.rules.replace("years < 18", "years < 17").replace("10.00", "12.50"))
    assert report["now_taken"]["by_reason"] == {"adult": {"count": 1, "amount": "12.50"}}
    assert (report["amount_before"], report["amount_after"]) == ("20.00", "37.50")


def test_a_backtest_answers_claims_from_memory(shop):
    report = backtest(shop, shop.rules.replace("unique: [email]", "unique: [irpid]"))
    assert report["now_refused"]["count"] == 0
    assert report["now_taken"]["count"] == 0
    report = backtest(
        shop, shop.rules.replace("    unique: [email]\n    within: 90 days\n", "    limit: 1\n    per: month\n")
    )
    assert report["now_refused"]["by_reason"] == {"duplicate": {"count": 1, "amount": "10.00"}}


def test_a_backtest_may_be_limited_to_a_time(shop):
    assert backtest(shop, shop.rules, "--since", "2099-01-01")["judged"] == 0
    assert backtest(shop, shop.rules, "--since", "1h", "--program", "default")["judged"] == 4


def test_a_backtest_of_a_program_without_leads_says_that_there_are_none(shop, tmp_path):
    (tmp_path / "changed.yaml").write_text(shop.rules)
    result = shop.flask("rules", "backtest", "changed.yaml")
    assert result.exit_code == 1
    assert "there are no leads of the program changed: say whose to judge by --program" in result.output


@pytest.mark.parametrize("option", ["--since", "--program"])
def test_a_backtest_of_an_option_that_is_given_empty_is_refused(shop, option):
    backtest(shop, shop.rules)
    result = shop.flask("rules", "backtest", "default.yaml", option, "")
    assert (result.exit_code, result.output.startswith(f"Error: {option} is empty")) == (1, True)


def test_a_backtest_is_readable(shop):
    backtest(shop, shop.rules)
    output = shop.flask("rules", "backtest", "default.yaml").output
    assert "judged        4\n" in output
    assert "now_refused\n  count                 0\n" in output


def test_a_backtest_of_a_broken_file_shows_its_mistakes(shop):
    with open("default.yaml", "w") as file:
        file.write("fields: {}")
    result = shop.flask("rules", "backtest", "default.yaml")
    assert (result.exit_code, result.output) == (1, 'Error: default.yaml:1: "fields:" is empty\n')


def explain(shop, number):
    lead = shop.stored()[number]
    return json.loads(shop.flask("leads", "explain", lead.id, "--format", "json").output)


@pytest.mark.parametrize(("number", "codes"), [(0, []), (2, ["duplicate"]), (3, ["adult"]), (5, ["body.unreadable"])])
def test_explain_judges_a_lead_again_by_the_rules_of_that_day(shop, number, codes):
    shown = explain(shop, number)
    assert shown["reasons"] == codes
    assert shown["rules_of_that_day"]["reasons"] == codes
    assert shown["rules_of_that_day"]["differs"] is shown["rules_of_today"]["differs"] is False


def test_explain_says_whether_the_rules_of_today_decide_otherwise(shop, tmp_path, clock):
    path = tmp_path / "rules" / "default.yaml"
    path.write_text(shop.rules.replace("years < 18", "years < 17"))
    clock.passes(2)
    shop.app.extensions["datapost"].rulebook.refresh()
    shown = explain(shop, 3)
    assert shown["rules_of_that_day"]["reasons"] == ["adult"]
    assert shown["rules_of_today"] | {"rules": "", "note": ""} == {
        "rules": "", "valid": True, "reasons": [], "note": "", "differs": True,
    }  # fmt: skip
    output = shop.flask("leads", "explain", shop.stored()[3].id).output
    assert "rules_of_today\n" in output
    assert "  differs               true\n" in output


def test_a_backtest_tells_no_other_amount_where_it_hangs_on_what_was_forgotten(make_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rules = "fields: {plan: {store: false}}\nsale_amount: [{when: plan == 'gold', amount: 45}, {amount: 10}]"
    partner = Partner(make_app(rules))
    partner.flask = lambda *line: partner.app.test_cli_runner(catch_exceptions=False).invoke(args=line)
    assert partner.lead(plan="gold")["sale_amount"] == "45.00"
    report = backtest(partner, rules)
    assert report["amount_before"] == report["amount_after"] == "45.00"


def test_explain_and_backtest_pass_over_what_was_forgotten(make_app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rules = "fields:\n  ssn: {type: id, standard: us.ssn, required: true, store: false}\n"
    rules += "  pin: {required: pin is missing, store: false}\nsale_amount: 5"
    partner = Partner(make_app(rules))
    lead_id = partner.lead(ssn="536-90-4399", pin="1234")["uniqueid"]
    (tmp_path / "default.yaml").write_text(rules)
    runner = partner.app.test_cli_runner(catch_exceptions=False)
    shown = json.loads(runner.invoke(args=["leads", "explain", lead_id, "--format", "json"]).output)
    assert shown["rules_of_that_day"]["differs"] is False
    report = json.loads(runner.invoke(args=["rules", "backtest", "default.yaml", "--format", "json"]).output)
    assert (report["judged"], report["now_refused"]["count"]) == (1, 0)
