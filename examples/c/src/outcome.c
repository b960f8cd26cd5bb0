#include "outcome.h"

#include "values.h"

const mdm_outcome_t EXPIRED = {
    .tag = MDM_OUTCOME_FAILED,
    .val.failed = {.tag = MDM_FAILURE_EXPIRED},
};
const mdm_outcome_t CANCELLED = {
    .tag = MDM_OUTCOME_FAILED,
    .val.failed = {.tag = MDM_FAILURE_CANCELLED},
};

mdm_outcome_t superseded_by(mdm_command_id_t command) {
  return (mdm_outcome_t){
      .tag = MDM_OUTCOME_FAILED,
      .val.failed = {.tag = MDM_FAILURE_SUPERSEDED, .val.superseded = command},
  };
}

mdm_outcome_t reported(const mdm_device_outcome_t *outcome) {
  if (outcome->tag == MDM_DEVICE_OUTCOME_SUCCESS) {
    return (mdm_outcome_t){.tag = MDM_OUTCOME_SUCCESS};
  }
  return (mdm_outcome_t){
      .tag = MDM_OUTCOME_FAILED,
      .val.failed = {.tag = MDM_FAILURE_DEVICE, .val.device = outcome->val.failed},
  };
}

static bool same_failure(const mdm_device_failure_t *one, const mdm_device_failure_t *other) {
  return one->tag == other->tag &&
         (one->tag != MDM_DEVICE_FAILURE_OTHER || same_string(one->val.other, other->val.other));
}

static bool same_outcome(const mdm_device_outcome_t *one, const mdm_device_outcome_t *other) {
  return one->tag == other->tag && (one->tag == MDM_DEVICE_OUTCOME_SUCCESS ||
                                    same_failure(&one->val.failed, &other->val.failed));
}

static bool is_status(const mdm_status_t *status, const mdm_device_outcome_t *outcome) {
  if (status->tag == MDM_STATUS_SUCCESS) {
    return outcome->tag == MDM_DEVICE_OUTCOME_SUCCESS;
  }
  return status->tag == MDM_STATUS_FAILED && outcome->tag == MDM_DEVICE_OUTCOME_FAILED &&
         status->val.failed.tag == MDM_FAILURE_DEVICE &&
         same_failure(&status->val.failed.val.device, &outcome->val.failed);
}

mdm_report_effect_t report_effect(const mdm_command_t *command,
                                  const mdm_device_outcome_t *outcome) {
  if (command->status.tag == MDM_STATUS_PENDING) {
    return MDM_REPORT_EFFECT_COMPLETED;
  }
  const mdm_option_device_outcome_t *late = &command->late_outcome;
  bool is_known = is_status(&command->status, outcome) ||
                  (late->is_some && same_outcome(outcome, &late->val));
  return is_known ? MDM_REPORT_EFFECT_REPEATED : MDM_REPORT_EFFECT_LATE;
}

enum override_change override_change(mdm_action_t action, const mdm_device_outcome_t *outcome) {
  if (outcome->tag != MDM_DEVICE_OUTCOME_SUCCESS) {
    return OVERRIDE_STAYS;
  }
  return action == MDM_ACTION_RESET ? OVERRIDE_BEGINS : OVERRIDE_ENDS;
}

bool check_pending(const mdm_command_t *command, mdm_refusal_t *refusal) {
  if (command->status.tag == MDM_STATUS_PENDING) {
    return true;
  }
  *refusal = (mdm_refusal_t){
      .tag = MDM_REFUSAL_NOT_PENDING,
      .val.not_pending = copy_string(command->id),
  };
  return false;
}

bool check_expired(const mdm_command_t *command, mdm_timestamp_t now, mdm_refusal_t *refusal) {
  if (!check_pending(command, refusal)) {
    return false;
  }
  if (command->expires_at.is_some && command->expires_at.val <= now) {
    return true;
  }
  *refusal = (mdm_refusal_t){
      .tag = MDM_REFUSAL_NOT_EXPIRED,
      .val.not_expired = copy_string(command->id),
  };
  return false;
}
