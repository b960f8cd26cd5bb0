"""Rules 4, 10 and 12: what a reset or a remove would come to, and what the admin should know and do."""

from typing import Optional

from answer import answer
from componentize_py_types import Err
from password import effective_rule, strongest
from request import remove, reset
from wit_world.imports.types import (
    Action, Device, DeviceFailure, DeviceFailure_ExistingPassword, DeviceFailure_MayNotClear,
    DeviceFailure_NotSupported, DeviceFailure_OtherAdminEntryPending, DeviceFailure_PasswordNotAccepted,
    DeviceFailure_PolicyViolation, DeviceFailure_TokenInvalid, DeviceFailure_TokenNotActive,
    DeviceFailure_TokenUnsupported, DeviceFailure_UserLocked, DevicePreview, ManagementMode, Note,
    Note_BestEffort, Note_DeviceOffline, Note_NoCredentialsOption, Note_NoExpiry, Note_NoLockNow,
    Note_NoRequireEntry, Note_OtherAdminPolicy, Note_OverridesPolicy, Note_PolicyEnforcedAgain,
    Note_WorkProfileOnly, Refusal, Refusal_AgentTooOld, Refusal_Conflict, Refusal_PasswordRefused, Remedy,
    Request, ResetOptions, Situation, TokenState, Verdict, Verdict_WillFail, Verdict_WillSucceed,
    Verdict_WillWait, Verdict_WouldBeRefused, Wait_DeviceOffline, Wait_UserMustUnlock,
)


def preview(situation: Situation, action: Action, request: Request) -> DevicePreview:
    """Previews what a request would come to."""
    refusal = refusal_of(situation, action, request)
    verdict = Verdict_WouldBeRefused(refusal) if refusal else verdict_on(situation, action)
    return DevicePreview(
        verdict=verdict,
        remedy=remedy_for(situation.device, action, verdict),
        notes=notes_on(situation, action, request, verdict),
    )


def refusal_of(situation: Situation, action: Action, request: Request) -> Optional[Refusal]:
    try:
        if action == Action.RESET:
            reset(situation, request)
        else:
            remove(situation, request)
    except Err as refusal:
        return refusal.value
    return None


def verdict_on(situation: Situation, action: Action) -> Verdict:
    device = situation.device
    verdict = answer(device, action, situation.password or strongest(effective_rule(situation)))
    if verdict == Verdict_WillSucceed() and not situation.online:
        return Verdict_WillWait(Wait_DeviceOffline(device.last_sync))
    return verdict


def remedy_for(device: Device, action: Action, verdict: Verdict) -> Optional[Remedy]:
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
            return remedy_for_failure(device, action, failure)
        case _:
            return None


def remedy_for_failure(device: Device, action: Action, failure: DeviceFailure) -> Optional[Remedy]:
    match failure:
        case DeviceFailure_ExistingPassword():
            return Remedy.USER_REMOVES_PASSWORD
        case DeviceFailure_MayNotClear() if device.management_mode == ManagementMode.PROFILE_OWNER:
            return Remedy.USER_REMOVES_PASSWORD
        case DeviceFailure_MayNotClear() | DeviceFailure_NotSupported() | DeviceFailure_TokenUnsupported():
            return Remedy.ENROLL_AGAIN
        case DeviceFailure_UserLocked():
            return Remedy.USER_UNLOCKS_ONCE
        case DeviceFailure_TokenNotActive() if device.condition.token == TokenState.UNCONFIRMED:
            return Remedy.USER_UNLOCKS_ONCE
        case DeviceFailure_TokenNotActive() | DeviceFailure_TokenInvalid():
            return Remedy.PROVISION_TOKEN
        case DeviceFailure_PolicyViolation() if action == Action.RESET:
            return Remedy.STRONGER_PASSWORD
        case DeviceFailure_PolicyViolation():
            return Remedy.OTHER_ADMIN_LIFTS_POLICY
        case DeviceFailure_OtherAdminEntryPending():
            return Remedy.USER_ENTERS_OTHER_PASSWORD
        case DeviceFailure_PasswordNotAccepted():
            return Remedy.OTHER_PASSWORD
        case _:
            return None


def notes_on(situation: Situation, action: Action, request: Request, verdict: Verdict) -> list[Note]:
    device, capabilities = situation.device, situation.capabilities
    is_reset = action == Action.RESET
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
        notes += missing_options(device, capabilities.options, request.options)
    if request.valid_for is not None and not capabilities.expiry:
        notes.append(Note_NoExpiry())
    if not situation.online and verdict != Verdict_WillWait(away):
        notes.append(Note_DeviceOffline(device.last_sync))
    return notes


def missing_options(device: Device, available: ResetOptions, requested: ResetOptions) -> list[Note]:
    """
    Rule 10: the options that were asked for and can't be had. `lockNow` and "require entry" are as old as
    device administration; "don't ask credentials on boot" came with API 23, for device owners.
    """
    boots_without = device.management_mode == ManagementMode.DEVICE_OWNER and device.api_level >= 23
    missing = requested & ~available
    notes: list[Note] = []
    if ResetOptions.LOCK_NOW in missing:
        notes.append(Note_NoLockNow())
    if ResetOptions.REQUIRE_ENTRY in missing:
        notes.append(Note_NoRequireEntry())
    at_boot = ResetOptions.NO_CREDENTIALS_ON_BOOT
    if at_boot in missing or (at_boot in requested and not boots_without):
        notes.append(Note_NoCredentialsOption())
    return notes
