"""The clock that stops calls which run too long."""

from contextlib import contextmanager
from math import ceil
from threading import Condition, Thread
from time import sleep
from typing import Iterator

from wasmtime import Engine, Store

from .limits import TICK


class Ticker:
    """Advances the epoch of an engine while calls run. It sleeps while none does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls = 0
        self._changed = Condition()
        Thread(target=self._run, name="mdm-password-host ticker", daemon=True).start()

    @contextmanager
    def limited(self, store: Store, seconds: float) -> Iterator[None]:
        """Interrupts what runs in the store after this time. What begins just before a tick gets no less."""
        store.set_epoch_deadline(ceil(seconds / TICK) + 1)
        with self._changed:
            self._calls += 1
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls > 0)
            sleep(TICK)
            self._engine.increment_epoch()
