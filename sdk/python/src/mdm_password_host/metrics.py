"""What a plugin may learn of a password."""

from itertools import groupby
from typing import Any, Optional


def measured(password: str) -> dict[str, Any]:
    """The contract's `password-metrics`."""
    counts = {
        "digits": sum("0" <= it <= "9" for it in password),
        "lower_case": sum("a" <= it <= "z" for it in password),
        "upper_case": sum("A" <= it <= "Z" for it in password),
        "others": sum(not " " <= it <= "~" for it in password),
    }
    counts["symbols"] = len(password) - sum(counts.values())
    return {
        "length": len(password),
        **counts,
        "longest_sequence": _longest_sequence(password),
        "longest_repeat": max((len(list(run)) for _, run in groupby(password)), default=0),
        "distinct": len(set(password)),
    }


def _longest_sequence(password: str) -> int:
    """The length of the longest sequence, as Android measures it: 4 for 1111, 1234 and 2468."""
    longest, run, step = min(len(password), 1), 1, None
    for one, following in zip(password, password[1:]):
        step_before, step = step, _step_between(one, following)
        if step is None:
            run = 1
        else:
            run = run + 1 if step_before in (None, step) else 2
        longest = max(longest, run)
    return longest


def _step_between(one: str, following: str) -> Optional[int]:
    """The step between neighbours of one class: up to 10 for digits, 1 for letters, 0 for all else."""
    step = ord(following) - ord(one)
    kind, longest = _class_of(one)
    return step if kind == _class_of(following)[0] and abs(step) <= longest else None


def _class_of(character: str) -> tuple[str, int]:
    for name, first, last, longest_step in (("digit", "0", "9", 10), ("lower", "a", "z", 1), ("upper", "A", "Z", 1)):
        if first <= character <= last:
            return name, longest_step
    return "symbol", 0
