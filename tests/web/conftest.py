"""What the tests of logins, passwords and guesses share."""

import pytest
from logins import HASH

from web import login


@pytest.fixture
def quick(monkeypatch):
    """What a name without a hash costs is a quick one."""
    monkeypatch.setattr(login, "NOBODYS_HASH", HASH)
