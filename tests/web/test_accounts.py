"""The settings of the account at impact.com's API."""

import pytest

from web.service import _features
from web.settings import Settings, SettingsError

ACCOUNT = {"DATAPOST_IMPACT_SID": " IRabc_1-2 ", "DATAPOST_IMPACT_TOKEN": " canary "}


def test_an_account_is_read_and_its_token_never_shown():
    made = Settings.load(ACCOUNT)
    assert (made.impact_sid, made.impact_token, made.impact_url) == ("IRabc_1-2", "canary", "https://api.impact.com")
    assert "canary" not in repr(made)


@pytest.mark.parametrize("text", ["IR/abc", "IR abc", "..", "IRäbc"])
def test_an_account_sid_that_would_lead_elsewhere_is_refused(text):
    with pytest.raises(SettingsError, match="DATAPOST_IMPACT_SID is no Account SID: write it as impact.com shows it"):
        Settings.load({"DATAPOST_IMPACT_SID": text})


def test_a_token_with_a_blank_is_refused_and_not_quoted():
    with pytest.raises(SettingsError, match="DATAPOST_IMPACT_TOKEN") as caught:
        Settings.load({"DATAPOST_IMPACT_TOKEN": "canary two"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["api.impact.com", "ftp://api.impact.com", "http://api.impact.com", "https://"])
def test_where_the_api_is_must_be_an_address_by_https(text):
    with pytest.raises(SettingsError, match="DATAPOST_IMPACT_URL"):
        Settings.load({"DATAPOST_IMPACT_URL": text})


def test_the_api_may_be_on_this_machine_without_tls():
    made = Settings.load({"DATAPOST_IMPACT_URL": "http://127.0.0.1:8100/"})
    assert made.impact_url == "http://127.0.0.1:8100"


def test_the_start_says_whether_impact_com_is_asked_and_sales_is_heard():
    made = _features(Settings.load(ACCOUNT | {"DATAPOST_FEEDBACK_USERS": "crm:a-long-password"}))
    none = _features(Settings.load({"DATAPOST_IMPACT_SID": "IRabc"}))
    assert made["impact"] and made["feedback"] and not (none["impact"] or none["feedback"])
