"""
The host of this package, as the kit for hosts drives it:

    mdm-plugin check-host -- python tests/host_under_test.py
"""

import copy
import json
import secrets
import sys
from base64 import b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

from mdm_password_host import (
    Commit, Decision, DeviceState, Host, Limits, LoadError, Plugin, PluginError, SettingsError, apply_effects, escaped,
    generate_key, seal,
)

# The cases that the runtime can't pass, each with the reason.
EXCEPTIONS = {
    "return-many-elements": "wasmtime for Python makes Python values of all that a plugin returns before the host can "
    "count them. The plugin's memory limit bounds it: 2 million elements take half a minute.",
}


class Platform:
    """A store with one device, and a transport that seals and delivers nothing."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.sealed: dict[str, bytes] = {}
        self.version = 0
        # What another writer commits before the next commit.
        self.meanwhile: dict[str, Any] | None = None
        self.key = generate_key()[1]

    def load(self, device: str, context: None) -> DeviceState[None] | None:
        content = copy.deepcopy(self.content)
        if content["device"]["id"] != device:
            return None
        commands = content["commands"]
        pending = next((it for it in commands if it["status"] == "pending"), None)
        return DeviceState(content["device"], pending, commands[-1] if commands else None, self.version, None)

    def command(self, device: str, command: str) -> dict[str, Any] | None:
        return next((copy.deepcopy(it) for it in self.content["commands"] if it["id"] == command), None)

    def commit(self, commit: Commit[None], context: None) -> bool:
        if self.meanwhile is not None:
            self.content, self.meanwhile = self.meanwhile, None
            self.version += 1
        if self.version != commit.before.version:
            return False
        apply_effects(self.content["device"], self.content["commands"], commit.effects, commit.at)
        if commit.sealed is not None:
            self.sealed[commit.decision.command] = commit.sealed
        for effect in commit.effects:
            if "complete" in effect:
                self.sealed.pop(effect["complete"]["command"], None)
        self.version += 1
        return True

    def capabilities(self, state: DeviceState[None]) -> dict[str, Any]:
        capabilities: dict[str, Any] = self.content["capabilities"]
        return capabilities

    def is_online(self, state: DeviceState[None]) -> bool:
        return bool(self.content["online"])

    def seal(self, state: DeviceState[None], command: dict[str, Any], password: str | None) -> bytes:
        return seal(self.key, state.device["id"], command, secrets.token_bytes(32), password)

    def notify(self, state: DeviceState[None], decision: Decision) -> None:
        pass


class Session:
    """The requests of the kit, as uses of the package."""

    def __init__(self) -> None:
        self.plugin: Plugin | None = None
        self.platform: Platform | None = None
        self.old_messages = 0

    def answer(self, name: str, request: dict[str, Any]) -> Any:
        match name:
            case "start":
                return {"host": "mdm-password-host for Python", "exceptions": EXCEPTIONS}
            case "use":
                return self.use(request)
            case "situation":
                self.platform = Platform(request)
                self.old_messages = len(self.plugin.messages) if self.plugin else 0
                return {"ok": None}
            case "call":
                return self.call(request)
            case "state":
                return self.state()

    def use(self, request: dict[str, Any]) -> Any:
        try:
            plugin = Plugin.load(Path(request["component"]).read_bytes(), request["settings"], Limits(time=0.5))
        except (LoadError, SettingsError) as error:
            return {"error": str(error)}
        self.plugin, self.old_messages = plugin, 0
        return {"ok": None}

    def call(self, request: dict[str, Any]) -> Any:
        platform, plugin = self.platform, self.plugin
        assert platform and plugin
        platform.meanwhile = request.pop("meanwhile", None)
        content = platform.content
        now = datetime.fromisoformat(content["now"])
        host = Host(plugin, platform, platform, content["deployment"], lambda: now)
        [(function, parameters)] = request.items()
        method = getattr(host, function.replace("-", "_"))
        try:
            return {"returned": method(content["device"]["id"], **parameters, context=None)}
        except PluginError as error:
            return {"failed": str(error)}

    def state(self) -> Any:
        platform, plugin = self.platform, self.plugin
        assert platform and plugin
        messages = plugin.messages[self.old_messages:]
        return {
            "device": platform.content["device"],
            "commands": platform.content["commands"],
            "sealed": {id: b64encode(sealed).decode() for id, sealed in platform.sealed.items()},
            "messages": [{"level": it.level, "message": escaped(it.text), "device": it.device} for it in messages],
        }


def main() -> None:
    session = Session()
    for line in sys.stdin:
        [(name, request)] = json.loads(line).items()
        print(json.dumps(session.answer(name, request)), flush=True)


if __name__ == "__main__":
    main()
