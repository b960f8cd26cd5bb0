/*
 * Rules 6 to 8: when a policy is enforced, what there is to remove, and whether a password meets a
 * policy (by Android's `DevicePolicyManager.setPasswordQuality` and
 * `setRequiredPasswordComplexity`).
 */
#pragma once

#include "mdm.h"

/* Rule 6: from the success of a reset until that of a remove, the policy is overridden. */
mdm_policy_state_t policy_state(const mdm_device_t *device);

/* Rule 7: a remove is offered after a reset from the dashboard, or while a policy is applied. */
bool remove_offered(const mdm_device_t *device);

/* Whether the policy asks for a password at all. */
bool asks_for_password(const mdm_policy_t *policy);

/* Whether a password meets the policy. */
bool is_met(const mdm_policy_t *policy, const mdm_password_metrics_t *password);
