"""Whether what came back is what the contract requires."""

from typing import Any, Optional


def is_as_expected(expect: dict[str, Any], returns: Any, effects: list[Any]) -> bool:
    """Whether a call did what is expected of it, and changed no more."""
    without = expect.get("without_notes", [])
    return (
        matches(expect["returns"], returns)
        and unmatched(expect.get("effects", []), effects) == []
        and not any(note in returns["notes"] for note in without)
    )


def matches(expected: Any, found: Any) -> bool:
    """An object has every field, with more allowed; a list a match for every element, with more allowed."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            name in found and matches(value, found[name]) for name, value in expected.items()
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
