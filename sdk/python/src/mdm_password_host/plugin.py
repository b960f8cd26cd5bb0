"""A plugin: a component with its settings."""

from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from .call import Call
from .effects import CallEffects, check_texts
from .errors import LoadError, PluginError, SettingsError, SettingsFault, Violation
from .limits import Limits
from .messages import LoggedMessage, Messages
from .sandbox import Sandbox
from .settings import SettingsSchema

#: The number of messages that are kept of a plugin.
_MAX_KEPT = 100


@dataclass(frozen=True)
class Description:
    """The description of a plugin by itself."""

    name: str
    version: str
    #: Its purpose, for the operator.
    summary: str
    #: The JSON Schema of its settings.
    settings_schema: str
    #: Its settings if the operator chooses none.
    default_settings: str


@dataclass(frozen=True)
class Answer:
    """The answer of a plugin to a call."""

    #: The result; of a function that can refuse, `{"ok": …}` or `{"err": refusal}`.
    returned: Any
    #: The effects to commit. A refused call has none.
    effects: list[dict[str, Any]]


class Plugin:
    """A component that fits the contract, with its settings. It can be used from several threads."""

    def __init__(self, sandbox: Sandbox, digest: str, description: Description, settings: str) -> None:
        """For `Plugin.load` and `with_settings`."""
        self._sandbox = sandbox
        self._messages: deque[LoggedMessage] = deque(maxlen=_MAX_KEPT)
        #: The SHA-256 digest of the component, in hex.
        self.digest = digest
        self.description = description
        #: A JSON object.
        self.settings = settings

    @classmethod
    def load(cls, component: bytes, settings: str | None = None, limits: Limits = Limits()) -> Self:
        """
        Compiles a component, which takes from some 100 ms to a minute. `settings` is JSON; `None` is the plugin's
        default settings. Raises `LoadError` or `SettingsError`.
        """
        sandbox = Sandbox(component, limits)
        try:
            described = sandbox.run(Call(Messages("describe", None, None)), "plugin", "describe")
        except PluginError as error:
            raise LoadError(f"the plugin can't describe itself: {error}") from error
        description = Description(**described)
        _check_description(description)
        try:
            SettingsSchema(description.settings_schema).check(description.default_settings)
        except SettingsError as error:
            raise LoadError(f"the plugin's default settings: {error}") from error
        digest = sha256(component).hexdigest()
        plugin = cls(sandbox, digest, description, description.default_settings)
        return plugin if settings is None else plugin.with_settings(settings)

    def with_settings(self, settings: str) -> Self:
        """
        The same plugin with other settings, which fit its schema and which it has checked. Raises `SettingsError`, and
        this plugin stays as it is.
        """
        SettingsSchema(self.description.settings_schema).check(settings)
        try:
            call = Call(Messages("check-settings", None, None))
            checked = self._sandbox.run(call, "plugin", "check-settings", settings)
            check_texts(checked)
        except (PluginError, Violation) as error:
            raise SettingsError(f"the plugin could not check the settings: {error}") from error
        if "err" in checked:
            faults = [SettingsFault(it["field"], it["message"]) for it in checked["err"]]
            raise SettingsError("the plugin refuses the settings", faults)
        return type(self)(self._sandbox, self.digest, self.description, settings)

    @property
    def messages(self) -> list[LoggedMessage]:
        """Its latest messages, oldest first: 100 at most."""
        return list(self._messages)

    def call(
        self,
        function: str,
        situation: dict[str, Any],
        *arguments: Any,
        subject: dict[str, Any] | None = None,
        password: str | None = None,
    ) -> Answer:
        """
        Makes one call of the interface `password`, without a store: for tools. `arguments` are those of the function in
        JSON, with `True` for the secret. Raises `PluginError`.
        """
        effects = CallEffects(function, situation, subject)
        messages = Messages(function, situation["device"]["id"], None if subject is None else subject["id"])
        try:
            call = Call(messages, effects, self.settings, password)
            returned = self._sandbox.run(call, "password", function, *arguments)
            check_texts(returned)
            is_refused = isinstance(returned, dict) and "err" in returned
            return Answer(returned, [] if is_refused else effects.decided(returned))
        except Violation as violation:
            raise violation.failure() from violation
        finally:
            self._messages.extend(messages.lines)


def _check_description(description: Description) -> None:
    """Checks a description as the contract bounds it. Its texts are shown to operators."""
    for field, longest in (("name", 64), ("version", 64), ("summary", 1024)):
        text: str = getattr(description, field)
        if not text.strip() or len(text.encode()) > longest or not text.isprintable():
            raise LoadError(
                f"the {field} of the plugin must have 1 to {longest} bytes, without control characters: {text[:80]!r}"
            )
