"""Times: milliseconds since 1970 in the contract, RFC 3339 in JSON."""

from datetime import datetime, timedelta, timezone

from .errors import Violation

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

#: The contract's calendar ends where the year 9999 begins, in milliseconds since 1970.
END_OF_CALENDAR = 253_370_764_800_000


def milliseconds(text: str) -> int:
    """Reads RFC 3339."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def rfc3339(milliseconds: int) -> str:
    """Writes RFC 3339 in UTC, with milliseconds if there are any. A time after the contract's calendar violates it."""
    if milliseconds >= END_OF_CALENDAR:
        raise Violation(f"it gave the time {milliseconds} ms, which is past the calendar's end")
    time = _EPOCH + timedelta(milliseconds=milliseconds)
    precision = "milliseconds" if milliseconds % 1000 else "seconds"
    return time.isoformat(timespec=precision).replace("+00:00", "Z")
