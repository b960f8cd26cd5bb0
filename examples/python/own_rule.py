"""
THE OWN RULE: the place for you to change.

All other files do what the contract requires. What this one adds is the plugin's choice, here a
school's: no password has a run such as 123 or 777, and a reset that was given no validity expires after
a week. Both numbers are settings.
"""

import json
from dataclasses import replace
from typing import Any

from wit_world.exports.plugin import Description, SettingsFault
from wit_world.imports import settings
from wit_world.imports.types import PasswordFault, PasswordFault_Other, PasswordMetrics, Request

SECONDS_PER_DAY = 24 * 3600

DEFAULT_SETTINGS = {"shortest-run": 3, "valid-for-days": 7}

SCHEMA = {
    "type": "object",
    "properties": {
        "shortest-run": {
            "type": "integer", "minimum": 2, "maximum": 16,
            "description": "A run such as 123 or 777 of this length is refused",
        },
        "valid-for-days": {
            "type": "integer", "minimum": 1, "maximum": 365,
            "description": "Validity of a reset without one, in days",
        },
    },
    "additionalProperties": False,
}


def description() -> Description:
    """The description of the plugin."""
    return Description(
        name="school-plugin",
        version="1.0.0",
        summary="No passwords with runs; a reset expires after some days.",
        settings_schema=json.dumps(SCHEMA),
        default_settings=json.dumps(DEFAULT_SETTINGS),
    )


def settings_faults(chosen: dict[str, Any]) -> list[SettingsFault]:
    """The faults of settings beyond the schema."""
    days = chosen.get("valid-for-days", DEFAULT_SETTINGS["valid-for-days"])
    if days > 90 and days % 7:
        return [SettingsFault("/valid-for-days", "above 90 days, whole weeks only")]
    return []


def current() -> dict[str, Any]:
    """The settings that the operator has chosen."""
    return {**DEFAULT_SETTINGS, **json.loads(settings.get())}


def faults(password: PasswordMetrics) -> list[PasswordFault]:
    """What is wrong with a password besides what the deployment's rule finds."""
    if password.longest_sequence >= current()["shortest-run"]:
        return [PasswordFault_Other("no runs such as 123 or 777")]
    return []


def request(request: Request) -> Request:
    """The request of a reset; its validity is in seconds."""
    if request.valid_for is not None:
        return request
    return replace(request, valid_for=current()["valid-for-days"] * SECONDS_PER_DAY)
