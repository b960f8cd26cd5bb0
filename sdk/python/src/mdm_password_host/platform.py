"""What a platform gives to a host: a store of its devices, and a transport to them."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Extra = TypeVar("Extra")
Context = TypeVar("Context", contravariant=True)


@dataclass(frozen=True)
class DeviceState(Generic[Extra]):
    """A device as the platform has it at one moment."""

    #: The contract's `device`.
    device: dict[str, Any]
    #: Its pending command.
    pending: dict[str, Any] | None
    #: Its latest command, which may be the pending one.
    latest: dict[str, Any] | None
    #: The version of the device. It differs after every change of the device or of its commands.
    version: int
    #: Data of the store for the transport, such as the device's public key.
    extra: Extra


@dataclass(frozen=True)
class Decision:
    """A decision, for the audit trail."""

    #: The contract's function.
    function: str
    #: The id of the command that was sent, or that the call was about.
    command: str
    #: The SHA-256 digest of the plugin, in hex.
    plugin: str


@dataclass(frozen=True)
class Commit(Generic[Extra]):
    """The decision of a plugin: written as a whole, or not at all."""

    #: The device at the time of the decision. If its version has changed since, nothing is written.
    before: DeviceState[Extra]
    #: The time of the decision, in RFC 3339.
    at: str
    #: The effects, in order: `{"send": command}`, `{"complete": {"command": id, "outcome": …}}`,
    #: `{"keep-late-outcome": {…}}`, `{"set-policy-override": override or None}`. May be empty.
    effects: list[dict[str, Any]]
    #: The result of `Transport.seal`, if a command is sent.
    sealed: bytes | None
    decision: Decision


class DeviceStore(Protocol[Extra, Context]):
    """
    The devices of a platform, and their commands. Any database with compare-and-set will do. `context` is what the
    platform passes to the host with each request, such as the actor; the host passes it on unchanged.
    """

    def load(self, device: str, context: Context) -> DeviceState[Extra] | None:
        """Returns the device, or `None` if there is none with this id."""

    def command(self, device: str, command: str) -> dict[str, Any] | None:
        """Returns a command of this device, or `None` if it has none with this id."""

    def commit(self, commit: Commit[Extra], context: Context) -> bool:
        """
        Writes all of a commit in one transaction, and returns `True`. Writes nothing and returns `False` if the
        device's version has changed; the host then decides again.
        """


class Transport(Protocol[Extra]):
    """The channel to devices."""

    def capabilities(self, state: DeviceState[Extra]) -> dict[str, Any]:
        """The contract's `capabilities` of this transport for this device."""

    def is_online(self, state: DeviceState[Extra]) -> bool:
        """Returns `True` if a command would reach the device at once."""

    def seal(self, state: DeviceState[Extra], command: dict[str, Any], password: str | None) -> bytes:
        """
        Seals a new command's password to the device, before anything is stored: see `seal`. A remove has no password.
        Only the device may be able to open it.
        """

    def notify(self, state: DeviceState[Extra], decision: Decision) -> None:
        """Wakes the device after the commit. If the wake-up is lost, the device gets the change at its next sync."""
