"""What is forgotten here when leads/ forgets: both are called within its transactions."""

from impact.ledger import Outcome, Reversal

OPEN = ("proposed", "approved", "submitting", "queued")


def forget_leads(ids):
    """Delete what sales said of leads that are deleted, but of those whose reversal is not at its end."""
    open_ones = Reversal.select(Reversal.lead).where(Reversal.lead.in_(ids), Reversal.state.in_(OPEN))
    Outcome.delete().where(Outcome.lead.in_(ids), Outcome.lead.not_in(open_ones)).execute()


def forget_partner(program, partner):
    """Take the name of a partner who is a person out of what sales said of its leads, and of their reversals."""
    for table in (Outcome, Reversal):
        table.update(partner="").where(table.program == program, table.partner == partner).execute()
