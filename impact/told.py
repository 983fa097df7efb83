"""What impact.com tells, as values, and the errors where it tells nothing; impact/api.py has them too."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


class ApiError(Exception):
    """impact.com cannot be asked. The text is a sentence that says what was wrong and what to do, without secrets."""


class Refused(ApiError):
    """It answered 4xx: `status` says which. The same call is answered the same until somebody changes something."""

    def __init__(self, sentence, status):
        super().__init__(sentence)
        self.status = status


class Later(ApiError):
    """Nothing was asked, or it was answered 429: the calls of this hour are used up. Ask after so many `seconds`."""

    def __init__(self, sentence, seconds):
        super().__init__(sentence)
        self.seconds = seconds


class Unsure(ApiError):
    """No answer, one that cannot be read, or 5xx: a write may have taken effect, or not."""


@dataclass(frozen=True)
class Seen:
    """An action as impact.com tells it. Amounts are None, and moments too, where it says nothing that can be read."""

    id: str
    oid: str
    campaign: str
    event_type: str
    state: str
    amount: Decimal | None
    payout: Decimal | None
    cost: Decimal | None
    currency: str
    media_partner: str
    media_partner_name: str
    event_at: datetime | None
    locking_at: datetime | None


@dataclass(frozen=True)
class Submission:
    """What became of a write: success is `complete` without an `error_type`."""

    complete: bool
    error_type: str
    error_reason: str
