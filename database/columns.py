"""What stands in columns that peewee has no field for, and what all tables have in common."""

import json
from datetime import UTC

from peewee import Model, TextField, TimestampField

from database.engines import db

PASSED = "passed"  # what a trace says of a step that was passed

_to_json = json.JSONEncoder(ensure_ascii=False).encode


class JSONField(TextField):
    """JSON as text, which comes back from every database as it was: PostgreSQL's JSONB sorts keys."""

    def db_value(self, value):
        return _to_json(value)

    def python_value(self, value):
        return json.loads(value)


class TraceField(JSONField):
    """The steps of a decision, of which one that was passed is stored as its name alone: 400 bytes a lead, and 15 µs.

    Earlier versions stored every step as it is read.
    """

    def db_value(self, value):
        return _to_json([step["check"] if step["result"] == PASSED else step for step in value])

    def python_value(self, value):
        steps = super().python_value(value)
        return [{"check": step, "result": PASSED} if isinstance(step, str) else step for step in steps]


class Time(TimestampField):
    """Milliseconds since 1970 in the table, an aware datetime in Python."""

    def __init__(self, **options):
        super().__init__(resolution=1000, utc=True, default=None, **options)  # peewee's own is the time of now

    def python_value(self, value):
        return value if value is None else super().python_value(value).replace(tzinfo=UTC)


class Table(Model):
    moves = True  # whether its rows are copied to another database (transfer.py)

    class Meta:
        database = db
