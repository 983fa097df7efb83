"""The engines, connections, the writers and the migrations. Knows no other room."""

from database.connection import engine, exists, lock, migrate, now, read, scrub, write
from database.engines import MigrationError, SchemaError, StoreError, Unsure, db
from database.writing import (
    ANSWER_WAIT,
    add_chore,
    backlog,
    connect,
    disconnect,
    do_chores,
    prepare,
    set_deadline,
    transact,
    transact_and_rest,
)
