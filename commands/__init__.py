"""`flask …`: the commands. Knows no dashboard."""

from commands.backup import backup, restore
from commands.database import copy_to, migrate
from commands.integration import show_contract, show_docs, simulate_posts
from commands.leads import leads
from commands.privacy import erase_leads, purge_leads
from commands.rules import rules
from commands.secret import rotate_secret
from commands.start import example, hash_password

leads.add_command(purge_leads)
leads.add_command(erase_leads)

COMMANDS = (
    rules,
    leads,
    hash_password,
    example,
    migrate,
    copy_to,
    backup,
    restore,
    rotate_secret,
    show_contract,
    show_docs,
    simulate_posts,
)
