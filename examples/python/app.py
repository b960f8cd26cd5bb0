"""The exports: each reads the situation, and carries out what its rule decides."""

import functools
import json
import traceback
from typing import Any, Callable, Optional

import own_rule
from componentize_py_types import Err
from outcome import (
    EXPIRED, OverrideChange, cancel, expire, override_change, report_effect, reported, superseded_by,
)
from password import effective_rule
from preview import preview
from policy import policy_state, remove_offered
from request import Sending, remove, reset
from wit_world import exports
from wit_world.exports.plugin import Description
from wit_world.imports import device_store, logging, transport
from wit_world.imports.device_store import get_situation
from wit_world.imports.logging import Level
from wit_world.imports.secrets import Secret
from wit_world.imports.types import (
    Action, Command, DeviceOutcome, DevicePreview, DeviceStatus, PolicyState, ReportEffect, Request,
)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Logs an exception before it ends the call as a trap, which has no message. A refusal is none."""

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Err:
            raise
        except Exception:
            logging.log(Level.ERROR, f"{function.__name__}: {traceback.format_exc()}")
            raise

    return run


class Plugin(exports.Plugin):
    """The interface `plugin` of the contract."""

    @logged
    def describe(self) -> Description:
        return own_rule.description()

    @logged
    def check_settings(self, settings: str) -> None:
        faults = own_rule.settings_faults(json.loads(settings))
        if faults:
            raise Err(faults)


class Password(exports.Password):
    """The interface `password` of the contract. A refusal is raised, as `Err`."""

    @logged
    def reset(self, secret: Secret, request: Request) -> str:
        return carry_out(reset(get_situation(), own_rule.request(request)), secret)

    @logged
    def remove(self, request: Request) -> str:
        return carry_out(remove(get_situation(), request), None)

    @logged
    def preview(self, action: Action, secret: Optional[Secret], request: Request) -> DevicePreview:
        return preview(get_situation(), action, request)

    @logged
    def status(self) -> DeviceStatus:
        situation = get_situation()
        return DeviceStatus(
            latest=situation.latest,
            policy_state=policy_state(situation.device),
            remove_offered=remove_offered(situation.device),
            password_rule=effective_rule(situation),
        )

    @logged
    def policy_override(self) -> PolicyState:
        return policy_state(get_situation().device)

    @logged
    def report(self, command: Command, outcome: DeviceOutcome) -> ReportEffect:
        effect = report_effect(command, outcome)
        match effect:
            case ReportEffect.COMPLETED:
                device_store.complete(command.id, reported(outcome))
            case ReportEffect.LATE:
                device_store.keep_late_outcome(command.id, outcome)
            case ReportEffect.REPEATED:
                return effect
        match override_change(command.action, outcome):
            case OverrideChange.BEGINS:
                device_store.set_policy_override(command.id)
            case OverrideChange.ENDS:
                device_store.set_policy_override(None)
        return effect

    @logged
    def cancel(self, command: Command) -> None:
        device_store.complete(command.id, cancel(command))

    @logged
    def expire(self, command: Command) -> None:
        device_store.complete(command.id, expire(command, get_situation().now))


def carry_out(sending: Sending, secret: Optional[Secret]) -> str:
    """Carries an accepted request out."""
    command = transport.send(sending.command, secret)
    if sending.ends:
        outcome = EXPIRED if sending.ends_expired else superseded_by(command)
        device_store.complete(sending.ends, outcome)
    return command
