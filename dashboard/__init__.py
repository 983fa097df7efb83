"""The pages of operators. Knows no commands."""

from dashboard import (
    deliveries,
    editor,
    feedback,
    gate,
    history,
    impact,
    leads,
    lists,
    login,
    metrics,
    overview,
    person,
    programs,
    reversals,
)

# In the order in which their addresses are looked at.
MODULES = (
    login,
    overview,
    leads,
    person,
    deliveries,
    impact,
    reversals,
    feedback,
    programs,
    editor,
    gate,
    history,
    lists,
    metrics,
)
PAGES = tuple(module.site for module in MODULES)
