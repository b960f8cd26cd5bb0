"""One call of a plugin: what its imports give and take."""

from dataclasses import dataclass
from time import time
from typing import Any, Callable

from wasmtime.component import ResourceAny
from zxcvbn import zxcvbn

from .effects import CallEffects
from .errors import Violation
from .messages import Messages
from .metrics import measured
from .times import milliseconds


@dataclass
class Call:
    """One call. `describe` and `check-settings` have no effects and no settings."""

    messages: Messages
    effects: CallEffects | None = None
    settings: str | None = None
    #: It stays here: the plugin has a handle, and metrics.
    password: str | None = None

    def now(self) -> int:
        """The time of the call, in milliseconds."""
        return milliseconds(self._effects().situation["now"]) if self.effects else int(time() * 1000)

    def functions(self, interface: str) -> dict[str, Callable[..., Any]]:
        """The functions of an interface of the contract, with parameters and results in JSON."""
        match interface:
            case "secrets":
                return {"[method]secret.guessability": lambda _: self._guessability()}
            case "device-store":
                return {
                    "get-situation": self._situation,
                    "complete": lambda command, outcome: self._effects().complete(command, outcome),
                    "keep-late-outcome": lambda command, outcome: self._effects().keep_late_outcome(command, outcome),
                    "set-policy-override": lambda command: self._effects().set_policy_override(command),
                }
            case "transport":
                return {"send": lambda new, secret: self._effects().send(new, isinstance(secret, ResourceAny))}
            case "settings":
                return {"get": self._settings}
            case "logging":
                return {"log": self.messages.add}
            case _:
                return {}

    def _effects(self) -> CallEffects:
        if self.effects is None:
            raise Violation("it called an import that needs a device in a call without one")
        return self.effects

    def _situation(self) -> dict[str, Any]:
        situation = self._effects().situation
        return {**situation, "password": None if self.password is None else measured(self.password)}

    def _guessability(self) -> int:
        if self.password is None:
            raise Violation("it used a secret in a call that was given none")
        # An empty password has no score, and zxcvbn takes 72 characters at most.
        return int(zxcvbn(self.password[:72])["score"]) if self.password else 0

    def _settings(self) -> str:
        if self.settings is None:
            raise Violation("it read its settings in a call without them")
        return self.settings
