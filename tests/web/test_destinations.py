"""Where leads go, as the environment says it: how it is read, by which sentence refused, and what is shown."""

import base64

import pytest

from web import destinations
from web.addresses import HOW_TO_MAKE_ONE
from web.destinations import Destination
from web.settings import Settings, SettingsError

KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()
ANOTHER = "whsec_" + base64.b64encode(b"m" * 64).decode()
HOOK = "https://crm.acme.example/hook/canary?key=canary"


def load(private="", **environ):
    """Return the settings of `CRM=address`, `CRM_SECRET=…` and so on."""
    environ = {f"DATAPOST_DELIVER_{name}": value for name, value in environ.items()}
    return Settings.load(environ | {"DATAPOST_DELIVER_PRIVATE": private})


def crm(address, **environ):
    return load(CRM=address, **environ).destinations["crm"]


def refusal(**environ):
    """Return the sentence by which settings are refused, which holds nothing of what they say."""
    with pytest.raises(SettingsError) as caught:
        load(**environ)
    assert "canary" not in str(caught.value)
    return str(caught.value)


# --- What is one ---


def test_a_destination_is_called_by_the_end_of_its_setting():
    made = load(CRM=HOOK, SALES_2="mailto:sales@acme.example", SECRET=HOOK, CRM_SECRET=KEY, CRM_TOKEN="t")
    assert sorted(made.destinations) == ["crm", "sales_2", "secret"]
    assert made.destinations["crm"].secrets == (KEY,) and made.destinations["crm"].token == "t"
    assert made.destinations["secret"].secrets == ()


def test_without_settings_there_is_none():
    assert load().destinations == {}
    assert load(CRM="  ").destinations == {}


@pytest.mark.parametrize(
    "name", ["DATAPOST_DELIVER_CRM", "DATAPOST_DELIVER_A", f"DATAPOST_DELIVER_{'A' * 40}", "DATAPOST_DELIVER_CRM_TOKEN"]
)
def test_such_names_are_settings_of_a_destination(name):
    assert destinations.names_one(name)


NO_NAMES = [
    "DATAPOST_DELIVER_",
    "DATAPOST_DELIVER_crm",
    "DATAPOST_DELIVER_2CRM",
    "DATAPOST_DELIVER_CRM-2",
    "DATAPOST_DELIVER",
]
NO_NAMES += [f"DATAPOST_DELIVER_{'A' * 41}", "DATAPOST_DELIVER_PRIVATE_TOKEN", "DATAPOST_DELIVER_PRIVATE"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_such_names_are_not(name):
    assert not destinations.names_one(name)
    assert Settings.load({name: "on"}).destinations == {}


def test_a_name_that_cannot_be_one_is_told():
    for name in ("DATAPOST_DELIVER_crm", "DATAPOST_DELIVER_PRIVATE_TOKEN"):
        assert any(told.startswith(f"{name} is no setting") for told in Settings().doubts(None, {name: "canary"}))


def test_of_a_destination_nothing_is_shown_but_where_it_is():
    made = load(CRM=HOOK, CRM_SECRET=KEY, CRM_TOKEN="canary-token", INBOX="mailto:canary@acme.example")
    for shown in (repr(made), repr(made.destinations), str(made.destinations["crm"])):
        assert not any(secret in shown for secret in ("canary", KEY, "/hook"))
    assert "https://crm.acme.example" in repr(made.destinations)


# --- Webhooks ---


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        (HOOK, HOOK, "https://crm.acme.example"),
        (f" {HOOK} ", HOOK, "https://crm.acme.example"),
        ("https://crm.acme.example:8443/a#b", "https://crm.acme.example:8443/a", "https://crm.acme.example:8443"),
        ("HTTPS://CRM.Acme.example/Path", "HTTPS://CRM.Acme.example/Path", "https://crm.acme.example"),
        ("https://crm.acme.example", "https://crm.acme.example", "https://crm.acme.example"),
        ("https://[2001:db8::1]:444/a", "https://[2001:db8::1]:444/a", "https://[2001:db8::1]:444"),
    ],
)
def test_a_web_address_is_called_as_it_is_written_and_shown_without_its_path(text, address, shown):
    assert crm(text) == Destination("crm", "webhook", address, shown)


def test_without_tls_is_only_in_a_network_of_ones_own():
    assert refusal(CRM="http://crm.acme.example/canary") == (
        "DATAPOST_DELIVER_CRM begins with http: write https, or set DATAPOST_DELIVER_PRIVATE=on if it is in a network "
        "of your own"
    )
    assert crm("http://crm.lan:8080/hook", private="on").shown == "http://crm.lan:8080"


@pytest.mark.parametrize(
    "text", ["canary", "crm.acme.example/canary", "ftp://canary/", "canary@acme.example", "//canary"]
)
def test_what_is_no_address_is_refused(text):
    assert refusal(CRM=text) == (
        "DATAPOST_DELIVER_CRM is no address: write https://…, mailto:sales@acme.example or hubspot:"
    )


@pytest.mark.parametrize(
    "text", ["https:", "https:///canary", "https:canary", "https://[canary/", "https://a:canary/", "https://a:0/canary"]
)
def test_an_address_without_a_host_is_refused(text):
    assert refusal(CRM=text) == ("DATAPOST_DELIVER_CRM cannot be read: write it like https://crm.acme.example/leads")


@pytest.mark.parametrize("login", ["ann:canary@", "canary@", ":canary@", "crm.canary\\@"])
@pytest.mark.parametrize("kind", ["", "hubspot:"])
def test_a_login_in_an_address_is_refused(login, kind):
    assert refusal(CRM=f"{kind}https://{login}crm.acme.example/", CRM_TOKEN="t") == (
        "DATAPOST_DELIVER_CRM holds a user name: take it out; a destination may have a token, in …_TOKEN"
    )


@pytest.mark.parametrize(
    "text", ["https://a.example/can ary", "https://a.example/canary\n/x", "https://cänary.example/"]
)
def test_what_no_address_can_carry_is_refused(text):
    assert refusal(CRM=text) == (
        "DATAPOST_DELIVER_CRM holds a blank or a letter that no address can carry: write it as %20 or so, and in the "
        "name of a host as xn--…"
    )


@pytest.mark.parametrize("text", [KEY, ANOTHER, f"{KEY} {ANOTHER}", f"  {KEY}\n{ANOTHER} "])
def test_one_secret_signs_or_two_while_they_change(text):
    assert crm(HOOK, CRM_SECRET=text).secrets == tuple(text.split())


NO_SECRETS = [
    "canary",
    "whsec_",
    "whsec_canary",
    KEY.removeprefix("whsec_"),
    f"{KEY} canary",
    KEY.rstrip("=") + "-_AAAA",
]
NO_SECRETS += ["whsec_" + base64.b64encode(b"k" * 23).decode(), "WHSEC_" + KEY[6:], "whsec_" + "ä" * 32, f"{KEY},{KEY}"]


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_is_refused_and_told_how_to_make_one(text):
    assert refusal(CRM=HOOK, CRM_SECRET=text) == (
        f"DATAPOST_DELIVER_CRM_SECRET is no whsec_ and base64 of 24 bytes or more: {HOW_TO_MAKE_ONE}"
    )


def test_three_secrets_are_refused():
    assert refusal(CRM=HOOK, CRM_SECRET=" ".join([KEY, KEY, ANOTHER])) == (
        "DATAPOST_DELIVER_CRM_SECRET holds more than two secrets: write one, or two while you change them"
    )


@pytest.mark.parametrize("token", ["Bearer canary", "canary\r\nX: y", "cänary"])
def test_a_token_that_no_header_carries_is_refused(token):
    assert refusal(CRM=HOOK, CRM_TOKEN=token) == (
        "DATAPOST_DELIVER_CRM_TOKEN holds a blank, or what no header can carry: write the token alone"
    )


# --- Mails ---


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("mailto:sales@acme.example", "sales@acme.example", "mail to acme.example"),
        ("MAILTO:Sales@ACME.example", "Sales@acme.example", "mail to acme.example"),
        ("mailto:sales%2Bus@acme.example", "sales+us@acme.example", "mail to acme.example"),
        ("mailto:sales+us@acme.example", "sales+us@acme.example", "mail to acme.example"),
        ("mailto:a@acme.example, b@acme.example", "a@acme.example,b@acme.example", "mail to acme.example"),
        ("mailto:a@x.example,b@y.example", "a@x.example,b@y.example", "mail to x.example, y.example"),
        ("mailto:ann.o'neill@bücher.example", "ann.o'neill@xn--bcher-kva.example", "mail to xn--bcher-kva.example"),
    ],
)
def test_mails_go_to_one_or_several(text, address, shown):
    assert crm(text) == Destination("crm", "mail", address, shown)


NO_MAIL_ADDRESSES = [
    "",
    "canary",
    "canary@",
    "@canary.example",
    "a@b.example,",
    "a@b.example,,c@canary.example",
    "a@b@canary.example",
]
NO_MAIL_ADDRESSES += [
    "a@canary.example?subject=x",
    "a@canary.example%0ABcc:x@y.example",
    "a%0Ab@canary.example",
    "a b@canary.example",
]
NO_MAIL_ADDRESSES += [
    "<a@canary.example>",
    "Ann <a@canary.example>",
    '"a b"@canary.example',
    "ä@canary.example",
    "a@[127.0.0.1]canary",
]
NO_MAIL_ADDRESSES += [
    ".a@canary.example",
    "a.@canary.example",
    "a..b@canary.example",
    f"{'a' * 65}@canary.example",
    "a@canary..example",
]
NO_MAIL_ADDRESSES += [f"a@{'canary' * 11}.example", "a@-canary.example", "a@canary_.example", "a%2Cb@canary.example"]


@pytest.mark.parametrize("rest", NO_MAIL_ADDRESSES)
def test_what_is_no_mail_address_is_refused(rest):
    assert refusal(CRM=f"mailto:{rest}") == (
        "DATAPOST_DELIVER_CRM holds what is no mail address: write it like mailto:sales@acme.example,ann@acme.example"
    )


def test_slashes_after_mailto_are_refused():
    assert refusal(CRM="mailto://canary@acme.example") == (
        "DATAPOST_DELIVER_CRM has slashes after mailto: write it like mailto:sales@acme.example"
    )


# --- HubSpot ---


@pytest.mark.parametrize("text", ["hubspot:", "HubSpot:"])
def test_hubspot_has_one_address(text):
    url = "https://api.hubapi.com"
    assert crm(text, CRM_TOKEN="t") == Destination("crm", "hubspot", url, url, token="t")


def test_hubspot_may_be_stood_in_for():
    made = crm("hubspot:http://127.0.0.1:8080/", private="on", CRM_TOKEN="t")
    assert (made.kind, made.address, made.shown) == ("hubspot", "http://127.0.0.1:8080", "http://127.0.0.1:8080")
    assert refusal(CRM="hubspot:http://127.0.0.1:8080/canary", CRM_TOKEN="t").startswith(
        "DATAPOST_DELIVER_CRM begins with http: "
    )


@pytest.mark.parametrize("text", ["hubspot:canary", "hubspot://canary", "hubspot:mailto:canary@acme.example"])
def test_nothing_else_follows_hubspot(text):
    assert refusal(CRM=text, CRM_TOKEN="t") == (
        "DATAPOST_DELIVER_CRM is no address: write hubspot: alone, or hubspot:https://…"
    )


@pytest.mark.parametrize("token", ["", "  "])
def test_hubspot_without_a_token_is_refused(token):
    assert refusal(CRM="hubspot:", CRM_TOKEN=token) == (
        "DATAPOST_DELIVER_CRM_TOKEN is not set: "
        "write a service key of HubSpot there, or the access token of a private app"
    )


# --- All of them ---


def test_each_destination_that_is_wrong_is_told_and_the_others_are_not_lost():
    assert refusal(A="canary", B=HOOK, C="mailto:canary").splitlines() == [
        "DATAPOST_DELIVER_A is no address: write https://…, mailto:sales@acme.example or hubspot:",
        "DATAPOST_DELIVER_C holds what is no mail address: write it like mailto:sales@acme.example,ann@acme.example",
    ]


def test_a_switch_that_cannot_be_read_is_told_once():
    assert refusal(CRM="http://crm.lan/", private="maybe") == 'DATAPOST_DELIVER_PRIVATE is "maybe": write on or off'


# --- What is probably not meant ---


class Program:
    """As much of a program as says where its leads go."""

    def __init__(self, *names):
        self.deliver = dict.fromkeys(names)


def doubts(programs=None, **environ):
    environ = {f"DATAPOST_DELIVER_{name}": value for name, value in environ.items()}
    return list(destinations.doubts(Settings.load(environ).destinations, programs, environ))


def test_what_is_meant_is_no_doubt():
    assert doubts({"solar": Program("crm")}, CRM=HOOK, CRM_SECRET=KEY, CRM_TOKEN="t") == []
    assert doubts({"solar": Program("crm"), "loans": Program("crm", "inbox")}, CRM=HOOK) == []


def test_a_destination_that_no_rule_file_names_is_told():
    told = 'DATAPOST_DELIVER_CRM: no rule file says "to: crm" under deliver:, so nothing goes there'
    assert doubts({}, CRM=HOOK) == [told]
    assert doubts({"solar": Program(), "loans": Program("inbox")}, CRM=HOOK) == [told]


@pytest.mark.parametrize("programs", [None, ["solar"]])
def test_where_no_rules_are_known_nothing_is_told_of_them(programs):
    assert doubts(programs, CRM=HOOK) == []


@pytest.mark.parametrize(
    ("parts", "beside"),
    [
        ({"CRM_SECRET": KEY}, "DATAPOST_DELIVER_CRM_SECRET"),
        ({"CRM_TOKEN": "t"}, "DATAPOST_DELIVER_CRM_TOKEN"),
        ({"CRM_TOKEN": "t", "CRM_SECRET": KEY}, "DATAPOST_DELIVER_CRM_SECRET and DATAPOST_DELIVER_CRM_TOKEN"),
    ],
)
def test_a_secret_without_an_address_is_told(parts, beside):
    told = f"{beside}: DATAPOST_DELIVER_CRM, the address that belongs there, is not set"
    assert doubts({"solar": Program("crm")}, **parts) == [told]


def test_what_a_kind_makes_no_use_of_is_told():
    assert doubts({"solar": Program("inbox")}, INBOX="mailto:a@acme.example", INBOX_SECRET=KEY, INBOX_TOKEN="t") == [
        "DATAPOST_DELIVER_INBOX_SECRET: a mail has none, take it out",
        "DATAPOST_DELIVER_INBOX_TOKEN: a mail has none, take it out",
    ]
    assert doubts({"solar": Program("hub")}, HUB="hubspot:", HUB_TOKEN="t", HUB_SECRET=KEY) == [
        "DATAPOST_DELIVER_HUB_SECRET: HubSpot looks at no signature, take it out"
    ]


def test_a_doubt_tells_no_secret():
    environ = {"DATAPOST_DELIVER_CRM_SECRET": "canary", "DATAPOST_DELIVER_INBOX": "mailto:canary@acme.example"}
    told = Settings.load(environ | {"DATAPOST_DELIVER_CRM_SECRET": KEY}).doubts({}, environ)
    assert len(told) == 3 and "canary" not in "".join(told)
