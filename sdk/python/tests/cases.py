"""
Runs a plugin against the cases of the conformance kit:

    python tests/cases.py PLUGIN.wasm CASES
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from case import read_cases
from judge import expires_in_time, is_as_expected
from mdm_password_host import Plugin

# The id that the cases give to the command that a call sends.
SENT = "0198c1de-0000-7000-8000-0000000000ff"


def run(plugin: Plugin, case: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Makes the call of a case."""
    call, situation = case["call"], dict(case["situation"])
    subject, password = situation.pop("command"), situation.pop("password")
    function, parameters = next(iter(call.items())) if isinstance(call, dict) else (call, {})
    if not (function == "reset" or parameters.get("action") == "reset"):
        password = None
    match function:
        case "reset":
            arguments = [True, parameters["request"]]
        case "remove":
            arguments = [parameters["request"]]
        case "preview":
            arguments = [parameters["action"], password is not None, parameters["request"]]
        case "report":
            arguments = [subject, parameters["outcome"]]
        case "cancel" | "expire":
            arguments = [subject]
        case _:
            arguments = []
    answer = plugin.call(function, situation, *arguments, subject=subject, password=password)
    text = json.dumps([answer.returned, [as_written(effect) for effect in answer.effects]])
    for effect in answer.effects:
        if "send" in effect:
            text = text.replace(effect["send"]["id"], SENT)
    returned, effects = json.loads(text)
    return returned, effects


def as_written(effect: dict[str, Any]) -> dict[str, Any]:
    """An effect as the parameters of its import."""
    if "set-policy-override" in effect:
        override = effect["set-policy-override"]
        return {"set-policy-override": {"command": override and override["command"]}}
    return effect


def main() -> int:
    file, folder = map(Path, sys.argv[1:])
    plugin = Plugin.load(file.read_bytes())
    print(f"sha256:{plugin.digest}")
    print(plugin.description.name, plugin.description.version)
    count: Counter[str] = Counter()
    for case in read_cases(folder):
        try:
            returns, effects = run(plugin, case)
        except Exception as error:
            returns, effects = {"crashed": str(error)}, []
        is_in_time = "crashed" not in returns and expires_in_time(effects, case["situation"]["now"])
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
