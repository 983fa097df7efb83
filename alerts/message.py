"""What is told: alerts that are new or over, or the summary of a day. Neither persons nor values of leads are in it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from ulid import ULID


@dataclass(frozen=True)
class Message:
    """A message to all receivers: `type` is "alert" or "digest", `data` what a webhook gets as its data.

    `subject` is one line, `text` plain lines; `html` the same as a whole page, or "" where the text says all.
    `grave` tells whether to wake somebody. The id is the same in every attempt to send it.
    """

    type: str
    at: datetime
    subject: str
    text: str
    data: dict
    grave: bool = False
    html: str = ""
    id: str = ""

    @classmethod
    def made(cls, type, at, **values):
        return cls(type, at, **values, id=str(ULID.from_datetime(at)))

    def to_json(self):
        return json.dumps(asdict(self) | {"at": self.at.isoformat()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text):
        values = json.loads(text)
        return cls(**values | {"at": datetime.fromisoformat(values["at"])})
