"""gunicorn, started and stopped for a test."""

import signal

import pytest
from cast import RULES
from gunicorns import Service

import database
import models


@pytest.fixture
def make_service(tmp_path):
    made = []

    def make(rules=RULES, **environ):
        made.append(Service(tmp_path, rules, **environ))
        return made[-1]

    yield make
    for service in made:
        if service.process:
            service.stop(signal.SIGKILL)


@pytest.fixture
def service(make_service):
    return make_service()


@pytest.fixture
def migrated_url(database_url):
    """The address of a database in each of the two engines, with its tables."""
    models.connect(database_url, "a key for tests")
    database.migrate()
    database.disconnect()
    return database_url
