"""What `flask doctor` says of the account at impact.com."""

import json

import pytest
from cast import RULES, Partner

from impact import quota
from impact.standin import StandIn

NAMED = RULES + "\nimpact: {campaign: 1000, event_type: 2240}\n"
UNSEEN = "whether its event type is 2240 cannot be looked up: compare it there"


@pytest.fixture
def standin():
    with StandIn() as made:
        yield made


@pytest.fixture
def told(make_app, standin):
    """Return what is told of impact.com, by sentences, with these rules and these changes of the account."""

    def tell(rules=NAMED, **changes):
        shop = Partner(make_app(rules, **standin.settings | changes))
        result = shop.app.test_cli_runner(catch_exceptions=False).invoke(args=["doctor", "--format", "json"])
        assert "stand-in-token" not in result.output
        rows = [row for row in json.loads(result.output) if row["check"] == "impact"]
        assert all(row["ok"] for row in rows) or result.exit_code == 1
        return [("" if row["ok"] else "WRONG ") + row["sentence"] for row in rows]

    return tell


def test_a_sound_account_is_told_with_its_campaign_and_what_nobody_can_look_up(told, standin):
    assert told() == [
        f"default: campaign 1000 is Acme Campaign; {UNSEEN}",
        "its token may read Actions and Submissions; whether it may write Actions, only the first reversal tells",
    ]
    assert not standin.writes


def test_where_nothing_is_set_nothing_is_wrong(told, standin):
    assert told(RULES, impact_sid="", impact_token="") == [
        "no rule file has impact:, so that it is not asked what became of leads"
    ]
    (sentence,) = told(impact_token="")
    assert sentence.startswith("default: no account is set") and "flask reconcile --file" in sentence
    assert not standin.calls


def test_an_account_that_no_rule_file_uses_is_wrong(told, standin):
    (sentence,) = told(RULES)
    assert sentence.startswith("WRONG an account is set, and no rule file has impact:") and not standin.calls


def test_wrong_credentials_are_told_once(told):
    (sentence,) = told({"solar": NAMED, "loans": NAMED}, impact_token="another")
    assert sentence.startswith("WRONG impact.com answers 401") and "DATAPOST_IMPACT_TOKEN" in sentence


def test_a_campaign_that_is_not_there_is_told_by_its_program(told):
    rows = told({"solar": NAMED, "loans": NAMED.replace("1000", "1001")})
    assert rows[0].startswith("WRONG loans: there is no campaign 1001 in this account")
    assert rows[1].startswith("solar: campaign 1000 is Acme Campaign")


@pytest.mark.parametrize("scope", ["Actions", "Submissions", "Campaigns"])
def test_each_missing_scope_is_named(told, standin, scope):
    standin.scopes.remove(f"{scope} read")
    wrong = [row for row in told() if row.startswith("WRONG")]
    assert len(wrong) == 1 and f"lacks the scope {scope} (read)" in wrong[0]


def test_an_api_that_does_not_answer_is_told_once(told, standin):
    standin.fail("GET", 503, 9)
    (sentence,) = told()
    assert sentence.startswith("WRONG impact.com answers 503")


def test_while_the_hours_calls_are_used_up_it_cannot_be_looked_at(told, standin, make_app):
    make_app(NAMED, **standin.settings)
    quota.quiet(600)
    (sentence,) = told()
    assert sentence.startswith("it cannot be looked at now: impact.com is not asked now") and not standin.calls
