"""Rules 1, 3, 7, 10 and 11: whether a reset or a remove is accepted, and what it sends."""

from dataclasses import dataclass
from typing import Optional

from componentize_py_types import Err
from outcome import is_over
from password import check_password, effective_rule, strongest
from policy import remove_offered
from version import check_agent
from wit_world.imports.types import (
    Action, NewCommand, Refusal_BadValidity, Refusal_Conflict, Refusal_NotPending, Refusal_NothingToRemove,
    Request, ResetOptions, Situation,
)

# The calendar of the contract ends where the year 9999 begins.
END_OF_CALENDAR = 253_370_764_800_000


@dataclass
class Sending:
    """An accepted request: what it sends, and the pending command that ends thereby."""

    command: NewCommand
    ends: Optional[str]
    # Whether that ends because its time is over, and not because it is replaced.
    ends_expired: bool


def reset(situation: Situation, request: Request) -> Sending:
    """Decides on a reset. Without a password it is judged for the strongest that the rule allows."""
    check_agent(situation)
    rule = effective_rule(situation)
    check_password(rule, situation.password or strongest(rule), is_known=situation.password is not None)
    return sending(situation, Action.RESET, request.options, request)


def remove(situation: Situation, request: Request) -> Sending:
    """Decides on a remove."""
    check_agent(situation)
    if not remove_offered(situation.device):
        raise Err(Refusal_NothingToRemove())
    return sending(situation, Action.REMOVE, ResetOptions(0), request)


def sending(situation: Situation, action: Action, options: ResetOptions, request: Request) -> Sending:
    """Rule 11: one command in flight, unless the new one names it as the one that it replaces."""
    expires_at = expiry(situation.now, request.valid_for)
    command = NewCommand(action, options, expires_at)
    pending, replaces = situation.pending, request.replaces
    if not pending:
        if replaces is not None:
            raise Err(Refusal_NotPending(replaces))
        return Sending(command, ends=None, ends_expired=False)
    ends_expired = is_over(pending, situation.now)
    may_end = ends_expired if replaces is None else replaces == pending.id
    if not may_end:
        raise Err(Refusal_Conflict(pending.id))
    return Sending(command, pending.id, ends_expired)


def expiry(now: int, valid_for: Optional[int]) -> Optional[int]:
    """Rule 10: a command may have an expiry, within the calendar."""
    if valid_for is None:
        return None
    end = now + valid_for * 1000
    if not now < end < END_OF_CALENDAR:
        raise Err(Refusal_BadValidity())
    return end
