"""The messages that a plugin writes by the import `logging`: bounded for each call."""

from dataclasses import dataclass, field

from .limits import MAX_MESSAGE_BYTES, MAX_MESSAGES


@dataclass(frozen=True)
class LoggedMessage:
    """A message with its call. Its text is the plugin's own: show it by `escaped`."""

    #: `trace`, `debug`, `info`, `warn`, `error` or `critical`.
    level: str
    #: At most 1024 bytes.
    text: str
    #: The function of the contract.
    function: str
    #: The id of the device; `None` for a call that has no device.
    device: str | None
    #: The id of the command that the call was about.
    command: str | None


@dataclass
class Messages:
    """The messages of one call."""

    function: str
    device: str | None
    command: str | None
    lines: list[LoggedMessage] = field(default_factory=list)

    def add(self, level: str, text: str) -> None:
        """Adds a message, cut to its limit. Further messages than a call may have are dropped."""
        if len(self.lines) < MAX_MESSAGES:
            text = text.encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore")
            self.lines.append(LoggedMessage(level, text, self.function, self.device, self.command))


def escaped(text: str) -> str:
    """A text on one line, for a log or a terminal: what is not printable is written as in Python's literals."""
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)
