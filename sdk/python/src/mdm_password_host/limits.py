"""The limits of a call of a plugin."""

from dataclasses import dataclass

#: The interval at which a running plugin is checked for its time limit, in seconds.
TICK = 0.005

#: Maximum number of effects of a call.
MAX_EFFECTS = 16

#: Maximum length of a text of a plugin, in bytes.
MAX_TEXT_BYTES = 1024

#: Maximum length of a list of a plugin.
MAX_LIST = 64

#: Maximum length of settings, and of their schema, in bytes.
MAX_SETTINGS_BYTES = 64 << 10

#: Maximum number of messages of a call, and their length in bytes.
MAX_MESSAGES, MAX_MESSAGE_BYTES = 16, 1024


@dataclass(frozen=True)
class Limits:
    """The limits of a call."""

    #: Wall time, in seconds. Python's side of an import counts.
    time: float = 1.0
    #: Linear memory, in bytes. It also bounds what a plugin can hand over at one time.
    memory: int = 64 << 20
    #: Elements of each table.
    table_elements: int = 100_000
    #: Stack, in bytes.
    stack: int = 512 << 10
