"""The pages of operators. Knows no commands."""

from dashboard import (
    deliveries,
    editor,
    gate,
    history,
    leads,
    lists,
    login,
    metrics,
    overview,
    person,
    programs,
)

# In the order in which their addresses are looked at.
MODULES = login, overview, leads, person, deliveries, programs, editor, gate, history, lists, metrics
PAGES = tuple(module.site for module in MODULES)
