"""Whether what came back is what the contract requires."""

from datetime import datetime, timezone
from typing import Any, Optional

# The contract's calendar ends where the year 9999 begins.
END_OF_CALENDAR = datetime(9999, 1, 1, tzinfo=timezone.utc)


def is_as_expected(expect: Any, returns: Any, effects: list[Any]) -> bool:
    """Whether a call did what is expected of it: one of several things, if they are a list."""
    one_of = expect if isinstance(expect, list) else [expect]
    return any(is_this(one, returns, effects) for one in one_of)


def expires_in_time(effects: list[Any], now: str) -> bool:
    """Whether whatever is sent expires later than now and within the calendar, or not at all."""
    ends = [effect["send"]["expires_at"] for effect in effects if "send" in effect]
    return all(time(now) < time(end) < END_OF_CALENDAR for end in ends if end is not None)


def time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_this(expect: dict[str, Any], returns: Any, effects: list[Any]) -> bool:
    without = expect.get("without_notes", [])
    return (
        matches(expect["returns"], returns)
        and unmatched(expect.get("effects", []), effects) == []
        and not any(note in returns["notes"] for note in without)
    )


def matches(expected: Any, found: Any) -> bool:
    """
    An object has every field, with more allowed; a list a match for every element, with more allowed. Options
    are equal.
    """
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and (value == found[name] if name == "options" else matches(value, found[name]))
            for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(found, list) and unmatched(expected, found) is not None
    return expected == found


def unmatched(expected: list[Any], found: list[Any]) -> Optional[list[Any]]:
    """What is found beyond what is expected; None if something expected is missing."""
    left = list(found)
    for pattern in expected:
        place = next((index for index, it in enumerate(left) if matches(pattern, it)), None)
        if place is None:
            return None
        del left[place]
    return left
