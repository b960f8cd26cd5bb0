"""
How a device answers a command, by API level and management mode. Sources: Android's
`DevicePolicyManager` reference (`resetPassword`, `resetPasswordWithToken`, `setResetPasswordToken`),
AOSP's `DevicePolicyManagerService`, and the CTS device policy tests.

The device's own policy plays no part: the agent lifts it before it sets a password.
"""

from typing import Optional

from policy import asks_for_password, is_met
from wit_world.imports.types import (
    Action, Condition, Device, DeviceFailure, DeviceFailure_ExistingPassword, DeviceFailure_MayNotClear,
    DeviceFailure_NoSecureLockScreen, DeviceFailure_NotSupported, DeviceFailure_OtherAdminEntryPending,
    DeviceFailure_PolicyViolation, DeviceFailure_TokenInvalid, DeviceFailure_TokenNotActive,
    DeviceFailure_TokenUnsupported, DeviceFailure_UserLocked, ManagementMode, PasswordMetrics, TokenState,
    Verdict, Verdict_WillFail, Verdict_WillSucceed, Verdict_WillWait, Wait_UserMustUnlock,
)


def answer(device: Device, action: Action, password: PasswordMetrics) -> Verdict:
    """The verdict on a reset to this password, or on a remove, if the device is online."""
    failure = obstacle(device, action)
    if failure:
        return Verdict_WillFail(failure)
    if device.api_level >= 26 and waits_for_unlock(device.condition):
        return Verdict_WillWait(Wait_UserMustUnlock())
    if violates_policy(device.condition, action, password):
        return Verdict_WillFail(DeviceFailure_PolicyViolation())
    return Verdict_WillSucceed()


def obstacle(device: Device, action: Action) -> Optional[DeviceFailure]:
    """What stands in the way of any password."""
    if not device.condition.secure_lock_screen:
        return DeviceFailure_NoSecureLockScreen()
    if device.api_level < 24:
        return None
    if device.management_mode == ManagementMode.DEVICE_ADMIN:
        return device_admin_obstacle(device, action)
    if device.api_level < 26:
        return user_obstacle(device, action)
    return token_obstacle(device.condition)


def device_admin_obstacle(device: Device, action: Action) -> Optional[DeviceFailure]:
    """Android 7.0 and later: a device admin sets a first password; Android 11 and later: nothing."""
    if device.api_level >= 30:
        return DeviceFailure_NotSupported()
    if action == Action.REMOVE:
        return DeviceFailure_MayNotClear()
    return DeviceFailure_ExistingPassword() if device.condition.password_set else None


def user_obstacle(device: Device, action: Action) -> Optional[DeviceFailure]:
    """Android 7.0 and 7.1: the user has to be unlocked, and a managed profile keeps a password."""
    if not device.condition.unlocked_since_boot:
        return DeviceFailure_UserLocked()
    return DeviceFailure_MayNotClear() if device.managed_profile and action == Action.REMOVE else None


def token_obstacle(condition: Condition) -> Optional[DeviceFailure]:
    """Android 8.0 and later: a password changes only by way of the reset token."""
    if condition.other_admin_entry_pending:
        return DeviceFailure_OtherAdminEntryPending()
    match condition.token:
        case TokenState.MISSING | TokenState.UNCONFIRMED:
            return DeviceFailure_TokenNotActive()
        case TokenState.INVALID:
            return DeviceFailure_TokenInvalid()
        case TokenState.UNSUPPORTED:
            return DeviceFailure_TokenUnsupported()
        case TokenState.ACTIVE:
            return None


def waits_for_unlock(condition: Condition) -> bool:
    """After a boot, only an agent that is direct-boot aware can use its token before the user unlocks."""
    return not condition.unlocked_since_boot and not condition.direct_boot_aware


def violates_policy(condition: Condition, action: Action, password: PasswordMetrics) -> bool:
    """Only another admin's policy can be violated: the agent can't lift it."""
    policy = condition.other_admin_policy
    if not policy:
        return False
    return not is_met(policy, password) if action == Action.RESET else asks_for_password(policy)
