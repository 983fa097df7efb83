"""Somebody who logs in, or tries to."""

import base64

import werkzeug.security
from cast import read_answer

import database
from web import login
from web.login import FailedLogin

HASH = werkzeug.security.generate_password_hash("päss:wörd", method="pbkdf2:sha256:1000")


def header(credentials, scheme="Basic"):
    return {"Authorization": f"{scheme} {base64.b64encode(credentials).decode()}"}


def status(app, headers=None, path="/leads", auth=None, address="198.51.100.1"):
    response = app.test_client().post(path, headers=headers, auth=auth, environ_base={"REMOTE_ADDR": address})
    read_answer(response)
    return response.status_code


def count_hashes(monkeypatch):
    calls = []
    check = werkzeug.security.check_password_hash
    monkeypatch.setattr(login, "check_password_hash", lambda *given: calls.append(given) or check(*given))
    return calls


def guess(app, times, address="198.51.100.1", name="impact"):
    return [status(app, auth=(name, f"guess {n} from {address}"), address=address) for n in range(times)]


def failed_logins():
    with database.read():
        return list(FailedLogin.select())
