"""The exports: each asks the imports for what its rule needs, and carries out what the rule decides."""

from typing import Optional

import own_rule
from outcome import EXPIRED, OverrideChange, cancel, expire, override_change, report_effect, superseded_by
from preview import Channel, Wanted, preview
from policy import policy_state, remove_offered
from request import Sending, Situation, remove, reset
from wit_world import exports
from wit_world.imports import clock, device_store, transport
from wit_world.imports.secrets import Secret
from wit_world.imports.types import (
    Action, Command, DevicePreview, DeviceStatus, Outcome, PolicyState, ReportEffect, ResetOptions, Terms,
)


class Password(exports.Password):
    """The interface `password` of the contract. A refusal is raised, as `Err`."""

    def reset(self, secret: Secret, options: ResetOptions, terms: Terms) -> str:
        return carry_out(reset(situation(), secret.metrics(), options, own_rule.terms(terms)), secret)

    def remove(self, terms: Terms) -> str:
        return carry_out(remove(situation(), terms), None)

    def preview(
        self, action: Action, secret: Optional[Secret], options: ResetOptions, terms: Terms
    ) -> DevicePreview:
        channel = Channel(transport.get_capabilities(), transport.is_online())
        wanted = Wanted(action, secret.metrics() if secret else None, options)
        return preview(situation(), channel, wanted, terms)

    def status(self) -> DeviceStatus:
        device = device_store.get_device()
        return DeviceStatus(
            latest=device_store.get_latest(),
            policy_state=policy_state(device),
            remove_offered=remove_offered(device),
            password_rule=device_store.get_password_rule(),
        )

    def policy_override(self) -> PolicyState:
        return policy_state(device_store.get_device())

    def report(self, command: Command, outcome: Outcome) -> ReportEffect:
        effect = report_effect(command, outcome)
        match effect:
            case ReportEffect.COMPLETED:
                device_store.complete(command.id, outcome)
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

    def cancel(self, command: Command) -> None:
        device_store.complete(command.id, cancel(command))

    def expire(self, command: Command) -> None:
        device_store.complete(command.id, expire(command, clock.now()))


def situation() -> Situation:
    """What the imports tell of a request's situation."""
    return Situation(
        device=device_store.get_device(),
        pending=device_store.get_pending(),
        password_rule=device_store.get_password_rule(),
        now=clock.now(),
    )


def carry_out(sending: Sending, secret: Optional[Secret]) -> str:
    """Carries an accepted request out."""
    command = transport.send(sending.command, secret)
    if sending.ends:
        outcome = EXPIRED if sending.ends_expired else superseded_by(command)
        device_store.complete(sending.ends, outcome)
    return command
