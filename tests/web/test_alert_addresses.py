"""Who is told what is wrong, as the environment says it: which kind an address is, and what is refused and shown."""

import base64
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import apprising
from web.receivers import KINDS, Receiver
from web.service import _features
from web.settings import Settings, SettingsError

KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()
SLACK = "https://hooks.slack.com/services/T0/B0/canary"
TEAMS = "https://default01.23.environment.api.powerplatform.com:443/powerautomate/canary?sig=canary"
NTFY = "https://ntfy.sh/canary"
HOOK = "https://ops.acme.example/canary"


def load(alerts, private="", **environ):
    return Settings.load({"DATAPOST_ALERTS": alerts, "DATAPOST_DELIVER_PRIVATE": private} | environ)


def one(text, **environ):
    (receiver,) = load(text, **environ).alerts
    return receiver.kind, receiver.address


def refusal(text, **environ):
    """Return the sentence by which it is refused, which holds nothing of the address."""
    with pytest.raises(SettingsError) as caught:
        load(text, **environ)
    assert "canary" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def without_apprise(monkeypatch):
    monkeypatch.setattr(apprising, "is_installed", lambda: False)


# --- The kinds ---


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("mailto:ann@acme.example", "mail", "ann@acme.example"),
        ("MAILTO:a@x.example,b@y.example", "mail", "a@x.example,b@y.example"),
        (SLACK, "slack", SLACK),
        ("https://hooks.slack-gov.com/services/x", "slack", "https://hooks.slack-gov.com/services/x"),
        ("https://a.hooks.slack.com/x", "slack", "https://a.hooks.slack.com/x"),
        (f"slack:{HOOK}", "slack", HOOK),
        (TEAMS, "teams", TEAMS),
        ("https://api.powerautomate.com/x", "teams", "https://api.powerautomate.com/x"),
        (
            "https://prod-1.westeurope.logic.azure.com:443/workflows/x",
            "teams",
            "https://prod-1.westeurope.logic.azure.com:443/workflows/x",
        ),
        (f"teams:{HOOK}", "teams", HOOK),
        (NTFY, "ntfy", NTFY),
        ("ntfy:https://push.acme.example/leads", "ntfy", "https://push.acme.example/leads"),
        ("ntfy:https://:tk_1@push.acme.example/leads", "ntfy", "https://:tk_1@push.acme.example/leads"),
        ("https://ann:p%40ss@ntfy.sh/leads", "ntfy", "https://ann:p%40ss@ntfy.sh/leads"),
        (HOOK, "webhook", HOOK),
        (f"webhook:{NTFY}", "webhook", NTFY),
        ("https://hooks.slack.com.acme.example/x", "webhook", "https://hooks.slack.com.acme.example/x"),
        ("https://myhooks.slack.com/x", "webhook", "https://myhooks.slack.com/x"),
    ],
)
def test_the_kind_is_told_by_the_host_or_by_a_word_before_the_address(text, kind, address):
    assert one(text) == (kind, address)


@pytest.mark.parametrize("between", [",", ";", ",MAILTO:ann@acme.example,"])
def test_a_comma_between_addresses_is_refused_and_not_called(between):
    assert refusal(f"{SLACK}{between}{HOOK}").endswith("write blanks between addresses, and no commas")


@pytest.mark.parametrize("text", [f'"{SLACK}"', f"'{HOOK}'", f"“{SLACK}”", "<mailto:canary@acme.example>"])
def test_a_quotation_mark_is_named(text):
    assert "begins with a quotation mark" in refusal(text)


@pytest.mark.parametrize("token", ["canary of mine", "canary\nX: y", "canary\x00"])
def test_a_token_of_metrics_that_nobody_can_send_is_refused_and_not_shown(token):
    with pytest.raises(SettingsError) as caught:
        Settings.load({"DATAPOST_METRICS_TOKEN": token})
    assert "DATAPOST_METRICS_TOKEN holds a blank" in str(caught.value) and "canary" not in str(caught.value)


def test_several_have_blanks_between_them_and_twice_the_same_is_one():
    made = load(f" {SLACK}  {HOOK}\nslack:{SLACK} {HOOK} slack:{HOOK}").alerts
    assert [(receiver.kind, receiver.address) for receiver in made] == [
        ("slack", SLACK),
        ("webhook", HOOK),
        ("slack", HOOK),
    ]
    assert [receiver.shown for receiver in made] == ["Slack (address 1)", "webhook (address 2)", "Slack (address 5)"]
    assert load("").alerts == load("  ").alerts == ()


def test_without_tls_is_only_in_a_network_of_ones_own():
    for kind in ("", "slack:", "teams:", "ntfy:"):
        assert refusal(f"{kind}http://ops.lan/canary").startswith("DATAPOST_ALERTS begins with http: write https, or ")
        assert one(f"{kind}http://ops.lan/hook", private="on")[1] == "http://ops.lan/hook"


def test_webhooks_alone_are_signed():
    made = load(f"{HOOK} {SLACK} {TEAMS} {NTFY} mailto:a@x.example", DATAPOST_ALERTS_SECRET=f"{KEY} {KEY}").alerts
    assert [receiver.secrets for receiver in made] == [(KEY, KEY), (), (), (), ()]


# --- What is refused ---


@pytest.mark.parametrize(
    "text", ["canary", "canary@acme.example", "slack:canary", "teams:canary", "ntfy:canary", "a:canary"]
)
def test_what_is_no_address_is_refused(text):
    assert refusal(text) == f"DATAPOST_ALERTS is no address: {KINDS}"


def test_which_of_several_is_wrong_is_told_by_its_number():
    assert refusal(f"{HOOK} https://a b:canary").splitlines() == [
        f"DATAPOST_ALERTS, address 3, is no address: {KINDS}",
    ]
    assert refusal(f"http://canary/ {HOOK} canary").splitlines() == [
        "DATAPOST_ALERTS, address 1, begins with http: write https, or set DATAPOST_DELIVER_PRIVATE=on if it is in a "
        "network of your own",
        f"DATAPOST_ALERTS, address 3, is no address: {KINDS}",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mailto:canary", "holds what is no mail address"),
        ("mailto://canary@acme.example", "has slashes after mailto"),
        ("https://ann:canary@ops.acme.example/", "holds a user name: take it out"),
        ("slack:https://canary@ops.acme.example/", "holds a user name: take it out"),
        ("https:///canary", "cannot be read: write it like"),
        ("https://cänary.example/", "holds a blank or a letter that no address can carry"),
        ("https://ntfy.sh/", "names no topic of ntfy"),
        ("ntfy:https://canary.acme.example", "names no topic of ntfy"),
        ("https://ntfy.sh/canary/", "names no topic of ntfy"),
        ("https://ntfy.sh/canary%20x", "names no topic of ntfy"),
        ("https://canary@ntfy.sh/topic", "holds a login that cannot be read"),
        ("https://ann:@ntfy.sh/canary", "holds a login that cannot be read"),
        ("https://ann:can%0Aary@ntfy.sh/topic", "holds a login that cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused_and_told_why(text, told):
    assert refusal(text).startswith(f"DATAPOST_ALERTS {told}")


def test_a_secret_that_is_none_is_told_once():
    assert refusal(HOOK, DATAPOST_ALERTS_SECRET="canary").startswith("DATAPOST_ALERTS_SECRET is no whsec_ and base64 ")


def test_a_kind_of_apprise_without_apprise_is_refused_and_told_how_to_get_it(without_apprise):
    assert refusal("tgram://canary/1") == (
        f"DATAPOST_ALERTS is of a kind that needs a library, pip install apprise; or {KINDS}"
    )


def test_apprise_is_not_loaded_where_nothing_needs_it():
    load(f"{HOOK} {SLACK}")
    assert "apprise" not in sys.modules or apprising.is_installed()


PARTS = ["https:", "//", "ntfy:", "slack:", "mailto:", "tgram:", "json:", "ntfy.sh"]
PARTS += ["@", ":", "[", "]", "/", "%0A", "%", "a", ",", "?", "#", "ä", "\x00", "\ud800", "\u2100", " ", "0"]


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join))
def test_whatever_is_written_is_read_or_refused_by_a_sentence(text):
    try:
        made = load(text).alerts
    except SettingsError as error:
        assert all(line.startswith("DATAPOST_ALERTS") for line in str(error).splitlines())
    else:
        assert len(made) <= len(text.split())


# --- What is shown, and what is probably not meant ---


def test_of_a_receiver_nothing_is_shown_but_its_kind():
    made = load(
        f"{HOOK} {SLACK} {TEAMS} https://:canary@ntfy.sh/canary mailto:canary@canary.example",
        DATAPOST_ALERTS_SECRET=KEY,
    )
    for shown in (repr(made), repr(made.alerts), str([receiver.shown for receiver in made.alerts])):
        assert "canary" not in shown and "acme" not in shown and KEY not in shown
    assert repr(Receiver("mail", "a@b.example", "mail")) == "Receiver(kind='mail', shown='mail')"


def doubts(alerts, **environ):
    environ = {"DATAPOST_ALERTS": alerts} | environ
    return [told for told in Settings.load(environ).doubts(None, environ) if told.startswith("DATAPOST_ALERTS")]


def test_what_is_meant_is_no_doubt():
    all_set = {"DATAPOST_URL": "https://leads.acme.example", "DATAPOST_SMTP_URL": "smtps://a:b@mail.example"}
    assert doubts(f"{HOOK} mailto:a@x.example", DATAPOST_ALERTS_SECRET=KEY, **all_set) == []
    assert doubts("", **all_set) == doubts("") == []


def test_what_is_probably_not_meant_is_told():
    assert doubts("mailto:a@x.example", DATAPOST_ALERTS_SECRET=KEY) == [
        "DATAPOST_ALERTS holds mailto:, but DATAPOST_SMTP_URL is not set, so that nobody is told by mail: write smtps://…",
        "DATAPOST_ALERTS_SECRET: nothing uses it, since DATAPOST_ALERTS holds no webhook of your own; take it out",
        "DATAPOST_ALERTS is set, but DATAPOST_URL is not, so that nothing that is told links to its page: write https://…",
    ]


def test_the_start_tells_whether_somebody_is_told():
    assert _features(load(HOOK))["alerts"] and not _features(load(""))["alerts"]
