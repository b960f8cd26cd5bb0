"""Rules 4, 10 and 12: what a reset or a remove would come to, and what the admin should know and do."""

from dataclasses import dataclass
from typing import Optional

from answer import answer
from componentize_py_types import Err
from password import strongest
from request import Situation, remove, reset
from wit_world.imports.types import (
    Action, Capabilities, Device, DevicePreview, Failure, Failure_ExistingPassword, Failure_MayNotClear,
    Failure_NotSupported, Failure_OtherAdminEntryPending, Failure_PolicyViolation, Failure_TokenInvalid,
    Failure_TokenNotActive, Failure_UserLocked, ManagementMode, PasswordMetrics, Note, Note_BestEffort,
    Note_DeviceOffline, Note_NoCredentialsOption, Note_NoExpiry, Note_NoLockNow, Note_NoRequireEntry,
    Note_OtherAdminPolicy, Note_OverridesPolicy, Note_PolicyEnforcedAgain, Note_WorkProfileOnly, Refusal,
    Refusal_AgentTooOld, Refusal_Conflict, Refusal_PasswordRefused, Remedy, ResetOptions, Terms,
    TokenState, Verdict, Verdict_WillFail, Verdict_WillSucceed, Verdict_WillWait,
    Verdict_WouldBeRefused, Wait_DeviceOffline, Wait_UserMustUnlock,
)


@dataclass
class Channel:
    """The channel to the device, as it is now."""

    capabilities: Capabilities
    online: bool


@dataclass
class Wanted:
    """What the admin has in mind. The password of a reset may not be known yet."""

    action: Action
    password: Optional[PasswordMetrics]
    options: ResetOptions


def preview(situation: Situation, channel: Channel, wanted: Wanted, terms: Terms) -> DevicePreview:
    """Previews what a request would come to."""
    refusal = refusal_of(situation, wanted, terms)
    verdict = Verdict_WouldBeRefused(refusal) if refusal else verdict_on(situation, channel, wanted)
    return DevicePreview(
        verdict=verdict,
        remedy=remedy_for(situation.device, wanted, verdict),
        notes=notes_on(situation.device, channel, wanted, terms, verdict),
    )


def refusal_of(situation: Situation, wanted: Wanted, terms: Terms) -> Optional[Refusal]:
    try:
        if wanted.action == Action.RESET:
            reset(situation, wanted.password, wanted.options, terms)
        else:
            remove(situation, terms)
    except Err as refusal:
        return refusal.value
    return None


def verdict_on(situation: Situation, channel: Channel, wanted: Wanted) -> Verdict:
    device = situation.device
    verdict = answer(device, wanted.action, wanted.password or strongest(situation.password_rule))
    if verdict == Verdict_WillSucceed() and not channel.online:
        return Verdict_WillWait(Wait_DeviceOffline(device.last_sync))
    return verdict


def remedy_for(device: Device, wanted: Wanted, verdict: Verdict) -> Optional[Remedy]:
    match verdict:
        case Verdict_WillSucceed():
            return None
        case Verdict_WillWait(Wait_UserMustUnlock()):
            return Remedy.USER_UNLOCKS_ONCE
        case Verdict_WillWait(Wait_DeviceOffline()):
            return Remedy.CONNECT_DEVICE
        case Verdict_WouldBeRefused(Refusal_AgentTooOld()):
            return Remedy.UPDATE_AGENT
        case Verdict_WouldBeRefused(Refusal_PasswordRefused()):
            return Remedy.OTHER_PASSWORD
        case Verdict_WouldBeRefused(Refusal_Conflict()):
            return Remedy.RESOLVE_PENDING
        case Verdict_WillFail(failure):
            return remedy_for_failure(device, wanted.action, failure)
        case _:
            return Remedy.NONE


def remedy_for_failure(device: Device, action: Action, failure: Failure) -> Remedy:
    match failure:
        case Failure_ExistingPassword():
            return Remedy.USER_REMOVES_PASSWORD
        case Failure_MayNotClear() if device.management_mode == ManagementMode.PROFILE_OWNER:
            return Remedy.USER_REMOVES_PASSWORD
        case Failure_MayNotClear() | Failure_NotSupported():
            return Remedy.ENROLL_AGAIN
        case Failure_UserLocked():
            return Remedy.USER_UNLOCKS_ONCE
        case Failure_TokenNotActive() if device.condition.token == TokenState.UNCONFIRMED:
            return Remedy.USER_UNLOCKS_ONCE
        case Failure_TokenNotActive() | Failure_TokenInvalid():
            return Remedy.PROVISION_TOKEN
        case Failure_PolicyViolation() if action == Action.RESET:
            return Remedy.STRONGER_PASSWORD
        case Failure_PolicyViolation():
            return Remedy.OTHER_ADMIN_LIFTS_POLICY
        case Failure_OtherAdminEntryPending():
            return Remedy.USER_ENTERS_OTHER_PASSWORD
        case _:
            return Remedy.NONE


def notes_on(device: Device, channel: Channel, wanted: Wanted, terms: Terms, verdict: Verdict) -> list[Note]:
    is_reset = wanted.action == Action.RESET
    away = Wait_DeviceOffline(device.last_sync)
    notes: list[Note] = []
    if device.management_mode != ManagementMode.DEVICE_OWNER or device.api_level < 24:
        notes.append(Note_BestEffort())
    if device.management_mode == ManagementMode.PROFILE_OWNER and device.managed_profile:
        notes.append(Note_WorkProfileOnly())
    if device.policy:
        notes.append(Note_OverridesPolicy() if is_reset else Note_PolicyEnforcedAgain())
    if device.condition.other_admin_policy:
        notes.append(Note_OtherAdminPolicy(device.condition.other_admin_policy))
    if is_reset:
        notes += missing_options(device, channel.capabilities, wanted.options)
    if terms.valid_for is not None and not channel.capabilities.expiry:
        notes.append(Note_NoExpiry())
    if not channel.online and verdict != Verdict_WillWait(away):
        notes.append(Note_DeviceOffline(device.last_sync))
    return notes


def missing_options(device: Device, channel: Capabilities, wanted: ResetOptions) -> list[Note]:
    """
    Rule 10: the options that were asked for and can't be had. `lockNow` and "require entry" are as old as
    device administration; "don't ask credentials on boot" came with API 23, for device owners.
    """
    boots_without = device.management_mode == ManagementMode.DEVICE_OWNER and device.api_level >= 23
    notes: list[Note] = []
    if wanted.lock_now and not channel.lock_now:
        notes.append(Note_NoLockNow())
    if wanted.require_entry and not channel.require_entry:
        notes.append(Note_NoRequireEntry())
    if wanted.no_credentials_on_boot and not (channel.no_credentials_on_boot and boots_without):
        notes.append(Note_NoCredentialsOption())
    return notes
