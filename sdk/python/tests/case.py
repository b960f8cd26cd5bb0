"""The cases: what is given, which call is made, and what is expected of it."""

import copy
import json
from pathlib import Path
from typing import Any

COMMANDS = ("pending", "latest", "command")


def read_cases(folder: Path) -> list[dict[str, Any]]:
    """Reads the cases of a folder, each with its rule and its whole situation."""
    base = json.loads((folder / "base.json").read_text("utf-8"))
    cases = []
    for file in sorted(folder.glob("rule-*.json")):
        written = json.loads(file.read_text("utf-8"))
        for case in written["cases"]:
            situation = situation_of(base, case.get("given", {}))
            call = call_of(base, case["call"])
            cases.append({**case, "rule": written["rule"], "call": call, "situation": situation})
    return cases


def situation_of(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    situation = copy.deepcopy(base["situation"])
    for name, value in given.items():
        is_command = name in COMMANDS and isinstance(value, dict)
        situation[name] = merged(base["command"] if is_command else situation[name], value)
    command = situation["command"]
    if "pending" not in given and command and command["status"] == "pending":
        situation["pending"] = command
    if "latest" not in given:
        situation["latest"] = situation["pending"] or command
    return situation


def call_of(base: dict[str, Any], call: Any) -> Any:
    """A call whose request is merged over the base's."""
    if not isinstance(call, dict):
        return call
    [(name, parameters)] = call.items()
    if name not in ("reset", "remove", "preview"):
        return call
    return {name: {**parameters, "request": merged(base["request"], parameters.get("request", {}))}}


def merged(into: Any, value: Any) -> Any:
    """Objects are merged, everything else is replaced."""
    if not isinstance(into, dict) or not isinstance(value, dict):
        return value
    return {**into, **{name: merged(into.get(name), it) for name, it in value.items()}}
