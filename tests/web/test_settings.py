"""The environment: what each variable means, and what is refused."""

from datetime import time

import pytest

from web.settings import Settings, SettingsError, User, host, version


def load(**environ):
    return Settings.load(environ)


def test_an_empty_environment_has_the_defaults():
    assert load() == Settings()


def test_users_are_name_and_password_split_at_the_first_colon():
    assert load(DATAPOST_USERS="impact:a:b  other:c").users == (User("impact", "a:b"), User("other", "c"))


def test_a_user_may_be_limited_to_programs():
    (user,) = load(DATAPOST_USERS="impact/solar,loans:p/w").users
    assert user == User("impact", "p/w", frozenset({"solar", "loans"}))


def test_one_name_twice_allows_rotation():
    assert [user.password for user in load(DATAPOST_USERS="impact:old impact:new").users] == ["old", "new"]


@pytest.mark.parametrize("text", ["canary", ":canary", "/a:canary", "a/:canary", "a/b,:canary"])
def test_an_entry_that_is_no_user_is_named_by_its_number_and_never_shown(text):
    with pytest.raises(SettingsError, match="DATAPOST_USERS: entry 2 is not name:password") as caught:
        load(DATAPOST_USERS=f"a:b {text}")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("password", ["scrypt:foo$a$b", "pbkdf2:sha256:1000$salt$", "scrypt:32768:8:1$salt$xyz"])
def test_a_hash_that_is_cut_off_is_refused(password):
    with pytest.raises(SettingsError, match="DATAPOST_USERS: the password of entry 1 is a hash that is cut off"):
        load(DATAPOST_USERS=f"impact:{password}")


def test_an_entry_that_no_login_can_carry_is_refused():
    with pytest.raises(SettingsError, match="DATAPOST_USERS: entry 1 holds a control character"):
        load(DATAPOST_USERS="impact:can\x7fary")


def test_a_blank_secret_is_none():
    assert load(DATAPOST_SECRET="  ").secret == ""


@pytest.mark.parametrize(("text", "value"), [("on", True), ("1", True), ("off", False), ("", False)])
def test_a_switch_is_on_or_off(text, value):
    assert load(DATAPOST_OPEN=text).open is value


@pytest.mark.parametrize("text", ["08:00", "8:00", " 8:00 "])
def test_the_time_of_the_summary_is_in_24_hours(text):
    assert load(DATAPOST_DIGEST=text).digest == time(8)
    assert load(DATAPOST_DIGEST="23:59").digest == time(23, 59)
    assert load().digest is load(DATAPOST_DIGEST=" ").digest is None


@pytest.mark.parametrize("text", ["8", "8am", "08:60", "24:00", "8:0", "08.00", "٠٨:00", "08:00:00", "08:00\n09:00"])
def test_a_time_that_is_none_is_told_how_to_write_it(text):
    with pytest.raises(
        SettingsError, match="(?s)DATAPOST_DIGEST is .*: write a time of day in 24 hours, such as 08:00"
    ):
        load(DATAPOST_DIGEST=text)


def test_a_summary_that_nobody_gets_is_a_doubt():
    (doubt,) = load(DATAPOST_DIGEST="08:00", DATAPOST_SECRET="a" * 24).doubts(None, {})
    assert doubt.startswith("DATAPOST_DIGEST is set, and DATAPOST_ALERTS is not")
    told = {"DATAPOST_DIGEST": "08:00", "DATAPOST_ALERTS": "https://ops.acme.example/x", "DATAPOST_SECRET": "a" * 24}
    assert not any("DATAPOST_DIGEST" in doubt for doubt in load(**told).doubts(None, {}))


def test_networks_are_ipv4_and_ipv6():
    networks = load(DATAPOST_ALLOWED_IPS="192.0.2.0/24, 2001:db8::/32 198.51.100.7").allowed_ips
    assert [str(network) for network in networks] == ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]


def test_a_network_of_ipv4_addresses_in_ipv6_is_one_of_ipv4():
    networks = load(DATAPOST_ALLOWED_IPS="::ffff:192.0.2.9 ::ffff:192.0.2.0/120 ::/0").allowed_ips
    assert [str(network) for network in networks] == ["192.0.2.9/32", "192.0.2.0/24", "::/0"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATAPOST_OPEN", "perhaps"),
        ("DATAPOST_MAX_BODY", "256k"),
        ("DATAPOST_MAX_BODY", "0"),
        ("DATAPOST_TRUSTED_PROXIES", "-1"),
        ("DATAPOST_ALLOWED_IPS", "192.0.2.0/33"),
        ("DATABASE_URL", "oracle://db"),
        ("DATABASE_URL", "postgres://user:canary@host/%zz"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name, text):
    with pytest.raises(SettingsError, match=name):
        load(**{name: text})


def test_all_settings_that_cannot_be_used_are_named_at_once():
    with pytest.raises(SettingsError) as caught:
        load(DATAPOST_OPEN="perhaps", DATAPOST_MAX_BODY="256k")
    assert str(caught.value).splitlines() == [
        'DATAPOST_OPEN is "perhaps": write on or off',
        'DATAPOST_MAX_BODY is "256k": write a whole number',
    ]


def test_the_password_of_a_database_is_never_shown():
    url = "postgres://user:canary@host/leads?sslmode=require"
    assert load(DATABASE_URL=url).store == "postgresql://host/leads"
    assert load(DATABASE_URL=url).database_url == "postgresql://user:canary@host/leads?sslmode=require"
    assert "canary" not in repr(load(DATABASE_URL=url))


@pytest.mark.parametrize(
    "address",
    ["user:canary@host/%zz", "user:p@canary@host/leads", "user:p/canary@host/leads", "user:1/canary@host:5/db"],
)
def test_nor_when_it_makes_the_address_unreadable(address):
    with pytest.raises(SettingsError, match="DATABASE_URL cannot be read") as caught:
        load(DATABASE_URL=f"postgres://{address}")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("place", ["127.0.0.1:5432", "[::1]:5432", "one,two:1,2", "", "h/db?host=/run/postgresql"])
def test_servers_may_be_named_in_every_way_that_postgresql_knows(place):
    assert place in load(DATABASE_URL=f"postgresql://us%40er:p%2Fw@{place}").database_url


SOUND = {"users": (User("a", "b"),), "secret": "s"}


@pytest.mark.parametrize(
    ("changes", "environ", "sentence"),
    [
        ({"users": ()}, {}, "DATAPOST_USERS is not set"),
        ({"users": (User("a", ""),)}, {}, "DATAPOST_USERS holds an empty password"),
        ({"operators": (User("a", ""),)}, {}, "DATAPOST_OPERATORS holds an empty password"),
        ({"viewers": (User("a", ""),)}, {}, "DATAPOST_VIEWERS holds an empty password"),
        ({"operators": (User("é", "b"),), "viewers": (User("e\u0301", "c"),)}, {}, 'DATAPOST_VIEWERS holds "é", as'),
        ({"secret": ""}, {}, "DATAPOST_SECRET is not set"),
        ({}, {"DYNO": "web.1"}, "DATABASE_URL names a SQLite file"),
        ({}, {"PORT": "70000"}, 'PORT is "70000"'),
        ({}, {"WEB_CONCURRENCY": "0"}, 'WEB_CONCURRENCY is "0"'),
        ({}, {"HOST": "[2001:db8::1]"}, "HOST is no address of this machine"),
    ],
)
def test_what_must_not_serve_says_what_to_set(changes, environ, sentence):
    (found,) = Settings(**SOUND | changes).refusals(environ)
    assert sentence in found


def test_sound_settings_may_serve():
    assert Settings(**SOUND).refusals({}) == []
    assert Settings(**SOUND | {"users": (), "open": True}).refusals({}) == []


GOOD = {"DATAPOST_USERS": "impact:a-long-password", "DATAPOST_SECRET": "1f2e" * 16}


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"DATAPOST_OPERATOR": "a:b"},
            'DATAPOST_OPERATOR is no setting of Datapost. Did you mean "DATAPOST_OPERATORS"?',
        ),
        ({"DATAPOST_XYZ": "a"}, "DATAPOST_XYZ is no setting of Datapost: take it out"),
        (
            {"DATAPOST_USERS": "ann/solra:a-long-password"},
            'DATAPOST_USERS: "ann" may post to the program "solra" only, and there is none. Did you mean "solar"?',
        ),
        (
            {"DATAPOST_OPERATORS": "ann:abc"},
            'DATAPOST_OPERATORS: the password of "ann" has 3 characters and is soon guessed: make it 12 or more',
        ),
        (
            {"DATAPOST_VIEWERS": "ann:abc"},
            'DATAPOST_VIEWERS: the password of "ann" has 3 characters and is soon guessed: make it 12 or more',
        ),
        (
            {"DATAPOST_VIEWERS": "ann/solra:a-long-password"},
            'DATAPOST_VIEWERS: "ann" may see the program "solra" only, and there is none. Did you mean "solar"?',
        ),
        ({"DATAPOST_VIEWER": "a:b"}, 'DATAPOST_VIEWER is no setting of Datapost. Did you mean "DATAPOST_VIEWERS"?'),
        ({"DATAPOST_SECRET": "s3cr3t"}, "DATAPOST_SECRET is short, or one word, and may be guessed"),
        ({"DATAPOST_SECRET": "konfiguration"}, "DATAPOST_SECRET is short, or one word, and may be guessed"),
        ({"DATAPOST_OPEN": "on"}, "DATAPOST_OPEN is on: whoever knows the address may post leads that are paid"),
        ({"DATAPOST_MAX_BODY": "64"}, "DATAPOST_MAX_BODY is 64: many leads are longer"),
        (
            {"DATAPOST_DELIVER_INBOX": "mailto:sales@acme.example"},
            "DATAPOST_SMTP_URL is not set, so that leads wait which are to go by mail: write smtps://",
        ),
        ({"DATAPOST_TRUSTED_PROXIES": "10"}, "DATAPOST_TRUSTED_PROXIES is 10: write how many proxies stand in front"),
        (
            {"DATAPOST_IMPACT_SID": "IRabc"},
            "DATAPOST_IMPACT_SID is set, and DATAPOST_IMPACT_TOKEN is not, so that impact.com is not asked",
        ),
        (
            {"DATAPOST_IMPACT_TOKEN": "abc"},
            "DATAPOST_IMPACT_TOKEN is set, and DATAPOST_IMPACT_SID is not, so that impact.com is not asked",
        ),
    ],
)
def test_what_is_probably_not_meant_is_told_by_its_setting(environ, sentence):
    environ = GOOD | environ
    (found,) = Settings.load(environ).doubts(["solar", "loans"], environ)
    assert found.startswith(sentence)


def test_nothing_is_doubted_of_sound_settings():
    assert Settings.load(GOOD).doubts(["solar"], GOOD | {"DATAPOST_PASSWORD": "x", "PORT": "80"}) == []


def test_a_password_never_shows_in_the_settings_text():
    assert "canary" not in repr(Settings(users=(User("a", "canary"),), secret="canary"))


def test_the_version_is_the_newest_of_the_changelog():
    assert version().count(".") == 2


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "127.0.0.1"),
        ({"PORT": "80"}, "0.0.0.0"),
        ({"PORT": "", "HOST": ""}, "127.0.0.1"),
        ({"PORT": "80", "HOST": "127.0.0.1"}, "127.0.0.1"),
        ({"HOST": "0.0.0.0"}, "0.0.0.0"),
        ({"HOST": "::"}, "::"),
        ({"HOST": "[::1]"}, "::1"),
        ({"HOST": "localhost"}, "None"),
        ({"HOST": "127.0.0.1:80"}, "None"),
        ({"HOST": "[::1]:80"}, "None"),
    ],
)
def test_a_host_is_an_address_and_by_default_all_where_a_platform_sets_the_port(environ, address):
    assert str(host(environ)) == address


def test_viewers_see_the_dashboard_as_operators_do_and_are_told_apart():
    settings = load(DATAPOST_OPERATORS="owner:a", DATAPOST_VIEWERS="vera/solar:b")
    assert settings.seers == (User("owner", "a"), User("vera", "b", frozenset({"solar"}), viewer=True))
