"""What a team would write by hand instead: FastAPI, a pydantic model and a SQLite table.

It checks types and that an email address is new, and commits every lead to disk before it answers.
It has no rules, no reasons, no trace and no other formats. LEADS names the database file.
"""

import os
import secrets
import sqlite3
import threading
import uuid
from contextlib import asynccontextmanager, closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from xml.sax.saxutils import escape

from fastapi import Depends, FastAPI, Form, HTTPException, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel, EmailStr, Field

USER, PASSWORD = b"impact", b"secret"

TABLE = """
CREATE TABLE IF NOT EXISTS lead (
    id TEXT PRIMARY KEY, received_at TEXT NOT NULL, email TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL,
    phone TEXT, zip TEXT, state TEXT, birth_date TEXT, loan_amount TEXT, consent INTEGER NOT NULL,
    household INTEGER, irpid TEXT
)
"""
INSERT = "INSERT INTO lead VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

ANSWER = """<dataPostResponse>
<valid>{valid}</valid>
<uniqueid>{id}</uniqueid>
<sale_amount>{amount}</sale_amount>
<customerid></customerid>
<email>{email}</email>
<note>{note}</note>
</dataPostResponse>
"""

basic = HTTPBasic()
local = threading.local()


class Lead(BaseModel):
    email: EmailStr
    first_name: Annotated[str, Field(max_length=80)]
    phone: Annotated[str, Field(pattern=r"^\+?[0-9() .-]{7,20}$")] | None = None
    zip: Annotated[str, Field(pattern=r"^[0-9]{5}(-[0-9]{4})?$")] | None = None
    state: Literal["CA", "NY", "TX", "WA"] | None = None
    birth_date: date | None = None
    loan_amount: Annotated[Decimal, Field(ge=1000, decimal_places=2)] | None = None
    consent: bool
    household: Annotated[int, Field(ge=1, le=20)] | None = None
    irpid: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] | None = None


def connection():
    """Return the thread's own connection."""
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(os.environ["LEADS"], timeout=5)
        local.connection.execute("PRAGMA synchronous = FULL")
    return local.connection


@asynccontextmanager
async def make_table(_app):
    with closing(sqlite3.connect(os.environ["LEADS"], timeout=5)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(TABLE)
    yield


app = FastAPI(lifespan=make_table)


def authenticate(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]):
    name_is_right = secrets.compare_digest(credentials.username.encode(), USER)
    password_is_right = secrets.compare_digest(credentials.password.encode(), PASSWORD)
    if not (name_is_right and password_is_right):
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})


# A plain function, which FastAPI runs in its pool of threads: SQLite would block the event loop.
@app.post("/leads", dependencies=[Depends(authenticate)])
def receive_lead(lead: Annotated[Lead, Form()]):
    if lead_id := store(lead):
        return answer("true", lead_id, "25.00", lead.email, "Lead submitted successfully")
    return answer("false", note="This email address was already submitted")


def store(lead):
    """Return the id of the lead, or None if its address was submitted before."""
    lead_id = uuid.uuid4().hex
    amount = None if lead.loan_amount is None else str(lead.loan_amount)
    birth_date = lead.birth_date and lead.birth_date.isoformat()
    row = (lead_id, datetime.now(UTC).isoformat(), lead.email, lead.first_name, lead.phone, lead.zip, lead.state)
    row += (birth_date, amount, lead.consent, lead.household, lead.irpid)
    try:
        with connection() as database:  # commits
            database.execute(INSERT, row)
    except sqlite3.IntegrityError:
        return None
    return lead_id


def answer(valid, lead_id="", amount="", email="", note=""):
    document = ANSWER.format(valid=valid, id=lead_id, amount=amount, email=escape(email), note=note)
    return Response(document, media_type="application/xml")
