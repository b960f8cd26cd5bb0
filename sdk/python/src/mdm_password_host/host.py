"""The flow: a request becomes the decision of a plugin, and the decision one commit."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Generic, TypeVar

from .errors import Contended, UnknownCommand, UnknownDevice
from .platform import Commit, Decision, DeviceState, DeviceStore, Transport
from .plugin import Answer, Plugin

Extra = TypeVar("Extra")
Context = TypeVar("Context")

#: Maximum number of attempts to decide a request while its device changes. Each that fails needs another request that
#: was committed meanwhile.
_MAX_ATTEMPTS = 32

#: The deployment by default: exactly four digits, and agents of 6.9.0 or later.
DEFAULT_DEPLOYMENT: dict[str, Any] = {
    "password_rule": {"characters": "digits", "minimum_length": 4, "maximum_length": 4},
    "minimum_agent_version": "6.9.0",
}

#: The request by default: no options, no reason.
_REQUEST: dict[str, Any] = {"options": [], "replaces": None, "valid_for": None, "reason": None, "requester": None}


@dataclass(frozen=True)
class _Call:
    """A call before the device is known: the arguments of the function follow from the pending command."""

    function: str
    arguments: Callable[[dict[str, Any] | None], list[Any]]
    subject: str | None = None
    password: str | None = None


class Host(Generic[Extra, Context]):
    """
    A plugin over the devices of a platform. Each request loads the device, lets the plugin decide, seals the password,
    and commits all of it or nothing. If the device changes in between, the host decides again.

    Functions that can refuse return `{"ok": …}` or `{"err": refusal}`. All raise `PluginError` if the plugin fails,
    `UnknownDevice`, `UnknownCommand`, `Contended`, and what the store or the transport raises.
    """

    def __init__(
        self,
        plugin: Plugin,
        store: DeviceStore[Extra, Context],
        transport: Transport[Extra],
        deployment: dict[str, Any] = DEFAULT_DEPLOYMENT,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._plugin = plugin
        self.store = store
        self.transport = transport
        self._deployment = deployment
        self._clock = clock

    @property
    def plugin(self) -> Plugin:
        """The plugin of the next call."""
        return self._plugin

    def swap(self, plugin: Plugin) -> None:
        """Makes this plugin decide, from the next call on."""
        self._plugin = plugin

    def reset(
        self, device: str, password: str, context: Context, request: dict[str, Any] = {}, replaces_pending: bool = False
    ) -> Any:
        """
        Asks for a reset. Returns the id of the new command. `request` is the contract's, of which any field can be left
        out. `replaces_pending` replaces any command that is pending at the time of the decision.
        """
        def arguments(pending: dict[str, Any] | None) -> list[Any]:
            return [True, _request(request, replaces_pending, pending)]

        return self._decide(device, _Call("reset", arguments, password=password), context)

    def remove(
        self, device: str, context: Context, request: dict[str, Any] = {}, replaces_pending: bool = False
    ) -> Any:
        """Asks for a remove. Returns the id of the new command."""
        def arguments(pending: dict[str, Any] | None) -> list[Any]:
            return [_request(request, replaces_pending, pending)]

        return self._decide(device, _Call("remove", arguments), context)

    def report(self, device: str, command: str, outcome: Any, context: Context) -> Any:
        """Takes the report of a device about a command: the contract's `device-outcome`."""
        return self._decide(device, _Call("report", lambda _: [outcome], command), context)

    def cancel(self, device: str, command: str, context: Context) -> Any:
        """Cancels a pending command."""
        return self._decide(device, _Call("cancel", lambda _: [], command), context)

    def expire(self, device: str, command: str, context: Context) -> Any:
        """Ends a pending command after its expiry. A platform calls it when the expiry has passed."""
        return self._decide(device, _Call("expire", lambda _: [], command), context)

    def preview(
        self,
        device: str,
        action: str,
        context: Context,
        password: str | None = None,
        request: dict[str, Any] = {},
        replaces_pending: bool = False,
    ) -> Any:
        """Previews a reset or a remove. Nothing changes."""
        def arguments(pending: dict[str, Any] | None) -> list[Any]:
            return [action, password is not None, _request(request, replaces_pending, pending)]

        return self._ask(device, _Call("preview", arguments, password=password), context)

    def status(self, device: str, context: Context) -> Any:
        """The status of a device, for its page. Nothing changes."""
        return self._ask(device, _Call("status", lambda _: []), context)

    def policy_override(self, device: str, context: Context) -> Any:
        """The state of the applied policy. While it is overridden, a platform does not push it. Nothing changes."""
        return self._ask(device, _Call("policy-override", lambda _: []), context)

    def _decide(self, device: str, call: _Call, context: Context) -> Any:
        for _ in range(_MAX_ATTEMPTS):
            plugin, state = self._plugin, self._load(device, context)
            situation = self._situation(state)
            answer = self._run(plugin, state, situation, call)
            if "err" in answer.returned:
                return answer.returned
            sent = next((it["send"] for it in answer.effects if "send" in it), None)
            sealed = None if sent is None else self.transport.seal(state, sent, call.password)
            command = sent["id"] if sent else call.subject
            decision = Decision(call.function, command or "", plugin.digest)
            commit = Commit(state, situation["now"], answer.effects, sealed, decision)
            if self.store.commit(commit, context):
                if answer.effects:
                    self.transport.notify(state, decision)
                return answer.returned
        raise Contended(f"device {device} was changed repeatedly at the same time: try again")

    def _ask(self, device: str, call: _Call, context: Context) -> Any:
        state = self._load(device, context)
        return self._run(self._plugin, state, self._situation(state), call).returned

    def _run(self, plugin: Plugin, state: DeviceState[Extra], situation: dict[str, Any], call: _Call) -> Answer:
        subject, arguments = None, call.arguments(state.pending)
        if call.subject is not None:
            subject = self.store.command(state.device["id"], call.subject)
            if subject is None:
                raise UnknownCommand(f"device {state.device['id']} has no command {call.subject}")
            arguments = [subject, *arguments]
        return plugin.call(call.function, situation, *arguments, subject=subject, password=call.password)

    def _load(self, device: str, context: Context) -> DeviceState[Extra]:
        state = self.store.load(device, context)
        if state is None:
            raise UnknownDevice(f"there is no device {device}")
        return state

    def _situation(self, state: DeviceState[Extra]) -> dict[str, Any]:
        now = self._clock().astimezone(timezone.utc).isoformat(timespec="milliseconds")
        return {
            "device": state.device,
            "pending": state.pending,
            "latest": state.latest,
            "deployment": self._deployment,
            "capabilities": self.transport.capabilities(state),
            "online": self.transport.is_online(state),
            "now": now.removesuffix("+00:00").removesuffix(".000") + "Z",
        }


def _request(request: dict[str, Any], replaces_pending: bool, pending: dict[str, Any] | None) -> dict[str, Any]:
    whole = {**_REQUEST, **request}
    if replaces_pending:
        whole["replaces"] = pending and pending["id"]
    return whole
