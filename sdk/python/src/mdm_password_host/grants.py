"""The imports that plugins may have. Any other import is denied."""

import secrets
from typing import Any, Callable

from wasmtime import Store
from wasmtime.component import LinkerInstance, Record

from .errors import LoadError

CONTRACT = "mdm:password/"

#: The beginnings of the names of granted imports.
GRANTED = tuple(
    f"{CONTRACT}{name}@1." for name in ("types", "secrets", "device-store", "transport", "settings", "logging")
) + tuple(
    f"wasi:{name}@0.2." for name in (
        "clocks/wall-clock", "clocks/monotonic-clock", "random/random", "random/insecure", "random/insecure-seed",
    )
)

#: Maximum number of random bytes of an import call.
_MAX_RANDOM_BYTES = 4096


def check_imports(names: list[str]) -> None:
    """Refuses a component with an import that is not granted."""
    denied = [name for name in names if not name.startswith(GRANTED)]
    if denied:
        raise LoadError(f"this component imports what plugins don't get: {', '.join(denied)}")


def add_wasi(instance: LinkerInstance, interface: str, items: list[str], now: Callable[[], int]) -> None:
    """The granted part of WASI. `now` is the time of the call in milliseconds, which stands still, on every clock."""
    wall = interface.startswith("wasi:clocks/wall-clock")

    def time(milliseconds: int) -> Any:
        if not wall:
            return milliseconds * 1_000_000
        record = Record()
        setattr(record, "seconds", milliseconds // 1000)
        setattr(record, "nanoseconds", milliseconds % 1000 * 1_000_000)
        return record

    def random_bytes(_: Store, length: int) -> bytes:
        if length > _MAX_RANDOM_BYTES:
            raise ValueError(f"a plugin gets at most {_MAX_RANDOM_BYTES} random bytes at a time")
        return secrets.token_bytes(length)

    functions: dict[str, Callable[..., Any]] = {
        "now": lambda _: time(now()),
        "resolution": lambda _: time(1),
        "get-random-bytes": random_bytes,
        "get-random-u64": lambda _: secrets.randbits(64),
        "get-insecure-random-bytes": random_bytes,
        "get-insecure-random-u64": lambda _: secrets.randbits(64),
        "insecure-seed": lambda _: (secrets.randbits(64), secrets.randbits(64)),
    }
    for item in items:
        if item not in functions:
            raise LoadError(f"this component imports what plugins don't get: {interface}.{item}")
        instance.add_func(item, functions[item])
