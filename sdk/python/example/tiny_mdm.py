"""A tiny MDM platform that embeds the host: one phone, one reset from request to success."""

import json
import secrets
import sqlite3
import sys
from pathlib import Path
from typing import Any

from mdm_password_host import (
    Commit, Decision, DeviceState, Host, Plugin, apply_effects, generate_key, open_sealed, seal,
)


class Phones:
    """The store, in SQLite with tables of its own, and the transport, a list of news."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(
            "create table phones (id text primary key, version integer, phone text, sealed blob, key blob);"
            "create table audit (actor text, function text, plugin text);"
        )
        self.news: list[str] = []

    def add(self, device: dict[str, Any], key: bytes) -> None:
        phone = json.dumps({"device": device, "commands": []})
        self.database.execute("insert into phones values (?, 0, ?, null, ?)", (device["id"], phone, key))

    def load(self, device: str, actor: str) -> DeviceState[Any] | None:
        query = "select version, phone, key from phones where id = ?"
        row = self.database.execute(query, (device,)).fetchone()
        if row is None:
            return None
        version, phone, key = row[0], json.loads(row[1]), row[2]
        commands = phone["commands"]
        pending = next((it for it in commands if it["status"] == "pending"), None)
        return DeviceState(phone["device"], pending, commands[-1] if commands else None, version, (commands, key))

    def command(self, device: str, command: str) -> dict[str, Any] | None:
        state = self.load(device, "")
        return next((it for it in state.extra[0] if it["id"] == command), None) if state else None

    def commit(self, commit: Commit[Any], actor: str) -> bool:
        before, decision = commit.before, commit.decision
        device, commands = dict(before.device), [dict(it) for it in before.extra[0]]
        apply_effects(device, commands, commit.effects, commit.at)
        phone = json.dumps({"device": device, "commands": commands})
        update = "update phones set version = version + 1, phone = ?, sealed = ? where id = ? and version = ?"
        with self.database:
            row = (phone, commit.sealed, device["id"], before.version)
            if self.database.execute(update, row).rowcount == 0:
                return False
            line = (actor, decision.function, decision.plugin)
            self.database.execute("insert into audit values (?, ?, ?)", line)
        return True

    def capabilities(self, state: DeviceState[Any]) -> dict[str, Any]:
        passwords = {"minimum_pin_length": 4, "minimum_length": 4, "maximum_length": 16}
        return {"options": ["lock-now"], "expiry": True, "passwords": passwords}

    def is_online(self, state: DeviceState[Any]) -> bool:
        return True

    def seal(self, state: DeviceState[Any], command: dict[str, Any], password: str | None) -> bytes:
        # The first key opens a reset token that the platform has provisioned; this one has none.
        return seal(state.extra[1], state.device["id"], command, secrets.token_bytes(32), password)

    def notify(self, state: DeviceState[Any], decision: Decision) -> None:
        self.news.append(state.device["id"])


# The platform: a database, a phone with a key pair, and a channel to wake the phone.
phones, (private_key, public_key) = Phones(), generate_key()
phones.add(json.loads(Path(__file__).with_name("phone.json").read_text()), public_key)
host = Host(Plugin.load(Path(sys.argv[1]).read_bytes()), phones, phones)

# An admin requests a reset. The context is this platform's data for the commit: the actor.
[phone] = [row[0] for row in phones.database.execute("select id from phones")]
reset = host.reset(phone, "4711", context="alice")
print("alice asked for the reset", reset["ok"])

# The phone wakes, opens its command, sets the password, and reports.
device = phones.news.pop()
command = phones.command(device, reset["ok"])
sealed = phones.database.execute("select sealed from phones where id = ?", (device,)).fetchone()[0]
assert command is not None
opened = open_sealed(private_key, device, command, sealed)
print(device, "sets a password of", len(opened.password), "digits")
host.report(device, command["id"], "success", context=device)
print(json.dumps(host.status(device, context="alice"), indent=2))
