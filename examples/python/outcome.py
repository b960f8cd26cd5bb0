"""Rules 2, 6, 8 and 11: a command gets one outcome, and what that means for the override."""

from enum import Enum, auto

from componentize_py_types import Err
from wit_world.imports.types import (
    Action, Command, DeviceOutcome, DeviceOutcome_Failed, DeviceOutcome_Success, Failure_Cancelled,
    Failure_Device, Failure_Expired, Failure_Superseded, Outcome, Outcome_Failed, Outcome_Success,
    Refusal_NotExpired, Refusal_NotPending, ReportEffect, Status_Failed, Status_Pending,
)


class OverrideChange(Enum):
    """What becomes of the override of the policy."""

    BEGINS = auto()
    ENDS = auto()
    NONE = auto()


EXPIRED: Outcome = Outcome_Failed(Failure_Expired())


def superseded_by(command: str) -> Outcome:
    """The outcome of a command that another one replaced."""
    return Outcome_Failed(Failure_Superseded(command))


def reported(outcome: DeviceOutcome) -> Outcome:
    """The outcome of a command by the report of its device."""
    match outcome:
        case DeviceOutcome_Failed(failure):
            return Outcome_Failed(Failure_Device(failure))
        case _:
            return Outcome_Success()


def report_effect(command: Command, outcome: DeviceOutcome) -> ReportEffect:
    """
    What to make of a report: the first outcome completes the command, the same again changes nothing, and
    another one comes too late.
    """
    match command.status:
        case Status_Pending():
            return ReportEffect.COMPLETED
        case Status_Failed(failure):
            completed: Outcome = Outcome_Failed(failure)
        case _:
            completed = Outcome_Success()
    is_known = completed == reported(outcome) or command.late_outcome == outcome
    return ReportEffect.REPEATED if is_known else ReportEffect.LATE


def override_change(action: Action, outcome: DeviceOutcome) -> OverrideChange:
    """
    Rules 6 and 8: the success of a reset begins the override, that of a remove ends it, and a failure
    changes nothing; also when the report comes late, because the device's real state wins.
    """
    if outcome != DeviceOutcome_Success():
        return OverrideChange.NONE
    return OverrideChange.BEGINS if action == Action.RESET else OverrideChange.ENDS


def cancel(command: Command) -> Outcome:
    """The outcome of a pending command that an admin takes back."""
    check_pending(command)
    return Outcome_Failed(Failure_Cancelled())


def expire(command: Command, now: int) -> Outcome:
    """The outcome of a pending command whose expiry the clock has passed."""
    check_pending(command)
    if not is_over(command, now):
        raise Err(Refusal_NotExpired(command.id))
    return EXPIRED


def is_over(command: Command, now: int) -> bool:
    """Whether the time of a command is over. One without an expiry has no end."""
    return command.expires_at is not None and command.expires_at <= now


def check_pending(command: Command) -> None:
    if command.status != Status_Pending():
        raise Err(Refusal_NotPending(command.id))
