"""What is known of a mailbox is known with another secret too."""

from dataclasses import replace

import pytest
from cast import Partner

import database
from app import create_app
from leads import known
from models import RuleText

OLD, NEW = "a key for tests", "a new secret, made of many letters"
BEFORE = """
customer: [email]
fields: {email: {type: email, exact: true}}
rules: [{id: r, unique: [email]}]
"""
TODAY = BEFORE.replace(", exact: true", "")


@pytest.mark.parametrize("gone_through", [False, True])
def test_a_person_and_the_customer_stay_the_same_when_the_secret_is_changed(make_app, ledger, gone_through):
    Partner(make_app(BEFORE, database_url=ledger)).lead(email="pat.doe@gmail.com")
    app = make_app(TODAY, database_url=ledger)
    database.transact(RuleText.update(text=TODAY).execute)  # the same rules before and after the upgrade
    if gone_through:
        while database.transact(lambda: known.know_again(app.extensions["datapost"].rulebook.programs.values())):
            pass
    settings = replace(app.extensions["datapost"].settings, secret=NEW)
    app = create_app(replace(settings, old_secret=OLD))
    result = app.test_cli_runner().invoke(args=["rotate-secret", "--yes"])
    assert result.exit_code == 0, result.output
    partner = Partner(create_app(settings))
    addresses = ["pat.doe@gmail.com", *(["patdoe@gmail.com"] if gone_through else [])]
    assert [partner.lead(email=address)["valid"] for address in addresses] == ["false"] * len(addresses)
    assert len({lead.customerid for lead in partner.stored()}) == 1
