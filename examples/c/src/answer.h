/*
 * How a device answers a command, by API level and management mode. Sources: Android's
 * `DevicePolicyManager` reference (`resetPassword`, `resetPasswordWithToken`,
 * `setResetPasswordToken`), AOSP's `DevicePolicyManagerService`, and the CTS device policy tests.
 *
 * The device's own policy plays no part: the agent lifts it before it sets a password.
 */
#pragma once

#include "mdm.h"

/* What a device online makes of a reset to this password, or of a remove. */
mdm_verdict_t answer(const mdm_device_t *device, mdm_action_t action,
                     const mdm_password_metrics_t *password);
