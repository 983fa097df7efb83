"""Where leads go: a webhook, a mailbox and HubSpot, all of them on this machine."""

import pytest

from delivery.kinds import send
from delivery.parcel import Parcel
from web.settings import Settings

PARCEL = Parcel("01LEAD_crm", "01LEAD", "crm", {"id": "01LEAD", "email": "ann@acme.example"})


@pytest.fixture
def deliver():
    """Send a parcel to an address, with settings as the environment has them, and return the Outcome."""

    def run(address, parcel=PARCEL, **environ):
        environ = {"DATAPOST_DELIVER_PRIVATE": "on", "DATAPOST_DELIVER_CRM": address} | environ
        settings = Settings.load({name: value for name, value in environ.items() if value is not None})
        return send(settings, settings.destinations["crm"], parcel)

    return run
