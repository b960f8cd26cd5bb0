"""The effects of a call: each is checked against the invariants of the contract, and buffered."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from .errors import Violation
from .limits import MAX_EFFECTS, MAX_LIST, MAX_TEXT_BYTES
from .times import END_OF_CALENDAR, milliseconds

#: The action that a function may send.
_SENDS = {"reset": "reset", "remove": "remove"}
QUERIES = ("preview", "status", "policy-override")


@dataclass
class CallEffects:
    """The effects of one call about one device."""

    function: str
    situation: dict[str, Any]
    #: The command that the call is about.
    subject: dict[str, Any] | None
    buffered: list[dict[str, Any]] = field(default_factory=list)

    def send(self, new: dict[str, Any], has_secret: bool) -> str:
        """Sends a command, and returns its id."""
        action, expires_at, now = new["action"], new["expires_at"], self.situation["now"]
        if (action == "reset") != has_secret:
            raise Violation(f"it sent a {action} {'with' if has_secret else 'without'} a secret")
        if expires_at is not None and not milliseconds(now) < milliseconds(expires_at) < END_OF_CALENDAR:
            raise Violation(f"it sent a command that expires at {expires_at}, which is over already")
        command = {
            "id": _id_after(self.situation["latest"], milliseconds(now)), **new, "status": "pending",
            "requested_at": now, "completed_at": None, "late_outcome": None,
        }
        self._push({"send": command})
        return str(command["id"])

    def complete(self, command: str, outcome: Any) -> None:
        """Gives a pending command its outcome."""
        check_texts(outcome)
        known = self._command(command, "completed")
        if known in self.sent():
            raise Violation(f"it completed command {command}, which the same call sent")
        if not self._is_pending(known):
            raise Violation(f"it completed command {command} a second time")
        self._push({"complete": {"command": command, "outcome": outcome}})

    def keep_late_outcome(self, command: str, outcome: Any) -> None:
        """Keeps the outcome of a command that had another one."""
        check_texts(outcome)
        if self._is_pending(self._command(command, "kept an outcome of")):
            raise Violation(f"it kept a late outcome of command {command}, which is pending")
        self._push({"keep-late-outcome": {"command": command, "outcome": outcome}})

    def set_policy_override(self, command: str | None) -> None:
        """Begins or ends the override of the policy."""
        if command is not None:
            self._command(command, "overrode the policy by")
        override = command and {"command": command, "since": self.situation["now"]}
        self._push({"set-policy-override": override})

    def sent(self) -> list[dict[str, Any]]:
        """The commands that the call has sent."""
        return [it["send"] for it in self.buffered if "send" in it]

    def decided(self, returned: Any) -> list[dict[str, Any]]:
        """Checks the call as a whole, and returns its effects: ends come before beginnings."""
        if self.function in QUERIES and self.buffered:
            raise Violation(f"{self.function} made a change")
        sent, pending = self.sent(), self.situation["pending"]
        for command in sent:
            if command["action"] != _SENDS.get(self.function):
                raise Violation(f"it sent a {command['action']} in a call of {self.function}")
        if self.function in _SENDS and returned["ok"] not in [it["id"] for it in sent]:
            raise Violation("it accepted the request as a command that it had not sent")
        if len(sent) > 1:
            raise Violation(f"it sent {len(sent)} commands in one call")
        if sent and pending and self._is_pending(pending):
            raise Violation(f"it sent a command while {pending['id']} is pending, and did not complete it")
        return sorted(self.buffered, key=lambda it: "send" in it)

    def _push(self, effect: dict[str, Any]) -> None:
        if len(self.buffered) == MAX_EFFECTS:
            raise Violation(f"it made more than {MAX_EFFECTS} changes")
        self.buffered.append(effect)

    def _command(self, command: str, effect: str) -> dict[str, Any]:
        """The command of this id, among those of this device that the call knows of."""
        known: list[dict[str, Any] | None] = [self.subject, self.situation["pending"], self.situation["latest"], *self.sent()]
        for it in known:
            if it is not None and it["id"] == command:
                return it
        raise Violation(f"it {effect} {command[:64]}, which is no command of this call's device")

    def _is_pending(self, command: dict[str, Any]) -> bool:
        completed = [it["complete"]["command"] for it in self.buffered if "complete" in it]
        return command["status"] == "pending" and command["id"] not in completed


def _id_after(latest: dict[str, Any] | None, now: int) -> str:
    """A UUID (version 7) of this time, and greater than that of the device's latest command if the clock went back."""
    if latest is not None:
        now = max(now, (UUID(latest["id"]).int >> 80) + 1)
    random = uuid4().int & ((1 << 74) - 1)
    return str(UUID(int=now << 80 | 7 << 76 | random >> 62 << 64 | 2 << 62 | random & ((1 << 62) - 1)))


def apply_effects(
    device: dict[str, Any], commands: list[dict[str, Any]], effects: list[dict[str, Any]], at: str
) -> None:
    """Applies effects to a device and its commands, for stores that keep both in one document."""
    for effect in effects:
        [(name, value)] = effect.items()
        if name == "send":
            commands.append(dict(value))
        elif name == "set-policy-override":
            device["policy_override"] = value
        else:
            change = (
                {"status": value["outcome"], "completed_at": at}
                if name == "complete" else {"late_outcome": value["outcome"]}
            )
            for command in commands:
                if command["id"] == value["command"]:
                    command.update(change)


def check_texts(value: Any) -> None:
    """Checks that each text and list of a plugin is bounded."""
    if isinstance(value, str) and len(value.encode()) > MAX_TEXT_BYTES:
        raise Violation(f"it gave a text of {len(value.encode())} bytes, where {MAX_TEXT_BYTES} are allowed")
    if isinstance(value, dict):
        for it in value.values():
            check_texts(it)
    if isinstance(value, list):
        if len(value) > MAX_LIST:
            raise Violation(f"it gave a list of {len(value)}, where {MAX_LIST} are allowed")
        for it in value:
            check_texts(it)
