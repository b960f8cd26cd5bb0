#include "answer.h"

#include "policy.h"

static const mdm_verdict_t SUCCEEDS = {.tag = MDM_VERDICT_WILL_SUCCEED};
static const mdm_verdict_t WAITS_FOR_UNLOCK = {
    .tag = MDM_VERDICT_WILL_WAIT,
    .val.will_wait = {.tag = MDM_WAIT_USER_MUST_UNLOCK},
};

/* `failure` is a tag: none of the failures that a device answers with has a value. */
static mdm_verdict_t fails(uint8_t failure) {
  return (mdm_verdict_t){.tag = MDM_VERDICT_WILL_FAIL, .val.will_fail = {.tag = failure}};
}

/* Android 8.0 and later: a password changes only by way of the reset token. */
static mdm_verdict_t answer_by_token(const mdm_condition_t *condition) {
  if (condition->other_admin_entry_pending) {
    return fails(MDM_DEVICE_FAILURE_OTHER_ADMIN_ENTRY_PENDING);
  }
  switch (condition->token) {
  case MDM_TOKEN_STATE_MISSING:
  case MDM_TOKEN_STATE_UNCONFIRMED:
    return fails(MDM_DEVICE_FAILURE_TOKEN_NOT_ACTIVE);
  case MDM_TOKEN_STATE_INVALID:
    return fails(MDM_DEVICE_FAILURE_TOKEN_INVALID);
  case MDM_TOKEN_STATE_UNSUPPORTED:
    return fails(MDM_DEVICE_FAILURE_TOKEN_UNSUPPORTED);
  }
  bool can_act = condition->unlocked_since_boot || condition->direct_boot_aware;
  return can_act ? SUCCEEDS : WAITS_FOR_UNLOCK;
}

static mdm_verdict_t answer_of_admin(const mdm_device_t *device, mdm_action_t action) {
  if (device->api_level >= 30) {
    return fails(MDM_DEVICE_FAILURE_NOT_SUPPORTED);
  }
  if (action == MDM_ACTION_REMOVE) {
    return fails(MDM_DEVICE_FAILURE_MAY_NOT_CLEAR);
  }
  return device->condition.password_set ? fails(MDM_DEVICE_FAILURE_EXISTING_PASSWORD) : SUCCEEDS;
}

/* The answer that holds for any password. */
static mdm_verdict_t answer_to_any(const mdm_device_t *device, mdm_action_t action) {
  const mdm_condition_t *condition = &device->condition;
  if (!condition->secure_lock_screen) {
    return fails(MDM_DEVICE_FAILURE_NO_SECURE_LOCK_SCREEN);
  }
  if (device->api_level < 24) {
    return SUCCEEDS;
  }
  if (device->management_mode == MDM_MANAGEMENT_MODE_DEVICE_ADMIN) {
    return answer_of_admin(device, action);
  }
  if (device->api_level >= 26) {
    return answer_by_token(condition);
  }
  if (!condition->unlocked_since_boot) {
    return fails(MDM_DEVICE_FAILURE_USER_LOCKED);
  }
  if (device->managed_profile && action == MDM_ACTION_REMOVE) {
    return fails(MDM_DEVICE_FAILURE_MAY_NOT_CLEAR);
  }
  return SUCCEEDS;
}

/* Only another admin's policy can be violated: the agent can't lift it. */
static bool violates_policy(const mdm_device_t *device, mdm_action_t action,
                            const mdm_password_metrics_t *password) {
  const mdm_option_policy_t *policy = &device->condition.other_admin_policy;
  if (!policy->is_some) {
    return false;
  }
  return action == MDM_ACTION_RESET ? !is_met(&policy->val, password)
                                    : asks_for_password(&policy->val);
}

mdm_verdict_t answer(const mdm_device_t *device, mdm_action_t action,
                     const mdm_password_metrics_t *password) {
  mdm_verdict_t to_any = answer_to_any(device, action);
  if (to_any.tag == MDM_VERDICT_WILL_SUCCEED && violates_policy(device, action, password)) {
    return fails(MDM_DEVICE_FAILURE_POLICY_VIOLATION);
  }
  return to_any;
}
