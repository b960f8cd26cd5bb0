"""
THE OWN RULE: the place for you to change.

All other files do what the contract requires. What this one adds is the plugin's choice, here a
school's: no password has a run such as 123 or 777, and a reset that was given no validity expires after
a week.
"""

from dataclasses import replace

from wit_world.imports.types import PasswordMetrics, PasswordFault, PasswordFault_Other, Terms

SHORTEST_RUN = 3
ONE_WEEK = 7 * 24 * 3600


def faults(password: PasswordMetrics) -> list[PasswordFault]:
    """What is wrong with a password besides what the deployment's rule finds."""
    if password.longest_sequence >= SHORTEST_RUN:
        return [PasswordFault_Other("no runs such as 123 or 777")]
    return []


def terms(terms: Terms) -> Terms:
    """The terms of a reset; its validity is in seconds."""
    return terms if terms.valid_for is not None else replace(terms, valid_for=ONE_WEEK)
