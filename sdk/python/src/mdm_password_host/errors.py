"""The errors of a host. After each of them, nothing has changed."""

from dataclasses import dataclass
from typing import Literal, Sequence

PluginErrorKind = Literal["too-slow", "too-deep", "crashed", "broke-contract"]


class LoadError(Exception):
    """A file can't be used as a plugin."""


class PluginError(Exception):
    """A plugin failed during a call: it trapped, broke a limit, or broke an invariant of the contract."""

    def __init__(self, kind: PluginErrorKind, message: str) -> None:
        super().__init__(message)
        #: The kind of the failure.
        self.kind = kind


@dataclass(frozen=True)
class SettingsFault:
    """One fault of settings."""

    #: The field, as a JSON Pointer (RFC 6901). Empty for the settings as a whole.
    field: str
    #: The fault, in words for the operator.
    message: str


class SettingsError(Exception):
    """Settings are refused, by their size, their form, the plugin's schema, or the plugin."""

    def __init__(self, message: str, faults: Sequence[SettingsFault] = ()) -> None:
        listed = "; ".join(f"{it.field}: {it.message}" if it.field else it.message for it in faults)
        super().__init__(f"{message}: {listed}" if listed else message)
        #: Each fault, if the settings are a JSON object.
        self.faults = list(faults)


class UnknownDevice(Exception):
    """The store has no such device."""


class UnknownCommand(Exception):
    """The device has no such command."""


class Contended(Exception):
    """Other writers changed the device during each attempt: try again."""


class Violation(Exception):
    """A plugin broke an invariant of the contract. Callers see a `PluginError`."""

    def failure(self) -> PluginError:
        """The error for callers."""
        return PluginError("broke-contract", f"the plugin broke the contract: {self}")
