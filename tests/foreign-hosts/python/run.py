"""
Runs a plugin under wasmtime's Python package against the cases of the conformance kit:

    python run.py PLUGIN.wasm CASES
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from case import read_cases
from host import PLUGIN, Plugin, SecretArgument
from judge import expires_in_time, is_as_expected


def default_settings(plugin: Plugin) -> str:
    """The settings that an operator has not chosen otherwise: the plugin describes them itself."""
    description, _ = plugin.call({}, "describe", interface=PLUGIN)
    print(description["name"], description["version"])
    settings = description["default_settings"]
    checked, _ = plugin.call({}, "check-settings", settings, interface=PLUGIN)
    assert "ok" in checked, checked
    return settings


def run(plugin: Plugin, case: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Makes the call of a case on a fresh instance."""
    call, situation = case["call"], case["situation"]
    function, parameters = next(iter(call.items())) if isinstance(call, dict) else (call, {})
    has_secret = function == "reset" or parameters.get("action") == "reset"
    if not has_secret:
        situation = {**situation, "password": None}
    match function:
        case "reset":
            arguments = [SecretArgument, parameters["request"]]
        case "remove":
            arguments = [parameters["request"]]
        case "preview":
            secret = None if situation["password"] is None else SecretArgument
            arguments = [parameters["action"], secret, parameters["request"]]
        case "report":
            arguments = [situation["command"], parameters["outcome"]]
        case "cancel" | "expire":
            arguments = [situation["command"]]
        case _:
            arguments = []
    return plugin.call(situation, function, *arguments)


def main() -> int:
    file, folder = map(Path, sys.argv[1:])
    component = file.read_bytes()
    print(f"sha256:{hashlib.sha256(component).hexdigest()}")
    plugin = Plugin(component)
    settings = default_settings(plugin)
    count: Counter[str] = Counter()
    for case in read_cases(folder):
        case["situation"]["settings"] = settings
        try:
            returns, effects = run(plugin, case)
        except Exception as error:
            returns, effects = {"crashed": str(error)}, []
        is_in_time = expires_in_time(effects, case["situation"]["now"])
        if "expect" not in case and is_in_time:
            count["free"] += 1
        elif is_in_time and "expect" in case and is_as_expected(case["expect"], returns, effects):
            count["passed"] += 1
        else:
            count["failed"] += 1
            print(f"FAIL rule {case['rule']}: {case['case']}")
            print(f"     expected {json.dumps(case.get('expect'))}")
            print(f"     got      {json.dumps({'returns': returns, 'effects': effects})}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['free']} free")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
