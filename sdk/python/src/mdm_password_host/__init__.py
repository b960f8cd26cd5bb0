"""
The host of `mdm:password` plugins, for platforms in Python.

A platform implements two protocols, `DeviceStore` and `Transport`, loads a `Plugin`, and builds a `Host`. All values of
the contract are in its JSON form: `wit/README.md`, "Encoding".
"""

from .effects import apply_effects
from .errors import (
    Contended, LoadError, PluginError, SettingsError, SettingsFault, UnknownCommand, UnknownDevice,
)
from .host import Host
from .limits import Limits
from .messages import LoggedMessage, escaped
from .platform import Commit, Decision, DeviceState, DeviceStore, Transport
from .plugin import Description, Plugin
from .sealing import OpenedPayload, generate_key, open_sealed, seal

__all__ = [
    "Commit", "Contended", "Decision", "Description", "DeviceState", "DeviceStore", "Host", "Limits", "LoadError",
    "LoggedMessage", "OpenedPayload", "Plugin", "PluginError", "SettingsError", "SettingsFault", "Transport",
    "UnknownCommand", "UnknownDevice", "apply_effects", "escaped", "generate_key", "open_sealed", "seal",
]
