/*
 * The exports: each reads the situation, and carries out what its rule decides.
 *
 * An export frees its parameters and what the imports returned to it. What it returns is freed by
 * the bindings, once the host has read it: it must hold copies, and nothing of the former.
 */
#include "outcome.h"
#include "own_rule.h"
#include "password.h"
#include "policy.h"
#include "preview.h"
#include "request.h"

void exports_plugin_describe(exports_plugin_description_t *ret) { describe_plugin(ret); }

bool exports_plugin_check_settings(mdm_string_t *settings,
                                   exports_plugin_list_settings_fault_t *err) {
  bool accepted = check_settings(*settings, err);
  mdm_string_free(settings);
  return accepted;
}

/* Carries an accepted request out. A remove has no secret (NULL). */
static mdm_command_id_t carry_out(struct sending *sending, mdm_situation_t *situation,
                                  secrets_borrow_secret_t *secret) {
  mdm_command_id_t id;
  transport_send(&sending->command, secret, &id);
  if (sending->pending_ends != ENDS_NOTHING) {
    mdm_outcome_t outcome = sending->pending_ends == ENDS_EXPIRED ? EXPIRED : superseded_by(id);
    device_store_complete(&situation->pending.val.id, &outcome);
  }
  return id;
}

bool exports_password_reset(secrets_borrow_secret_t secret, mdm_request_t *request,
                            mdm_command_id_t *ret, mdm_refusal_t *err) {
  mdm_situation_t situation;
  device_store_get_situation(&situation);
  struct sending sending;
  bool accepted = accept_reset(&situation, request, &sending, err);
  if (accepted) {
    *ret = carry_out(&sending, &situation, &secret);
  }
  mdm_situation_free(&situation);
  mdm_request_free(request);
  return accepted;
}

bool exports_password_remove(mdm_request_t *request, mdm_command_id_t *ret, mdm_refusal_t *err) {
  mdm_situation_t situation;
  device_store_get_situation(&situation);
  struct sending sending;
  bool accepted = accept_remove(&situation, request, &sending, err);
  if (accepted) {
    *ret = carry_out(&sending, &situation, NULL);
  }
  mdm_situation_free(&situation);
  mdm_request_free(request);
  return accepted;
}

void exports_password_preview(mdm_action_t action, secrets_borrow_secret_t *maybe_secret,
                              mdm_request_t *request, mdm_device_preview_t *ret) {
  (void)maybe_secret;
  mdm_situation_t situation;
  device_store_get_situation(&situation);
  *ret = preview(&situation, action, request);
  mdm_situation_free(&situation);
  mdm_request_free(request);
}

void exports_password_status(mdm_device_status_t *ret) {
  mdm_situation_t situation;
  device_store_get_situation(&situation);
  ret->policy_state = policy_state(&situation.device);
  ret->remove_offered = remove_offered(&situation.device);
  ret->password_rule = effective_rule(&situation);
  /* Moved, and so not freed with the situation. */
  ret->latest = situation.latest;
  situation.latest.is_some = false;
  mdm_situation_free(&situation);
}

void exports_password_policy_override(mdm_policy_state_t *ret) {
  mdm_situation_t situation;
  device_store_get_situation(&situation);
  *ret = policy_state(&situation.device);
  mdm_situation_free(&situation);
}

static void change_override(mdm_command_t *command, const mdm_device_outcome_t *outcome) {
  switch (override_change(command->action, outcome)) {
  case OVERRIDE_STAYS:
    break;
  case OVERRIDE_BEGINS:
    device_store_set_policy_override(&command->id);
    break;
  case OVERRIDE_ENDS:
    device_store_set_policy_override(NULL);
    break;
  }
}

/* No report is refused. */
bool exports_password_report(mdm_command_t *command, mdm_device_outcome_t *outcome,
                             mdm_report_effect_t *ret, mdm_refusal_t *err) {
  (void)err;
  *ret = report_effect(command, outcome);
  switch (*ret) {
  case MDM_REPORT_EFFECT_COMPLETED: {
    mdm_outcome_t completed = reported(outcome);
    device_store_complete(&command->id, &completed);
    change_override(command, outcome);
    break;
  }
  case MDM_REPORT_EFFECT_LATE:
    device_store_keep_late_outcome(&command->id, outcome);
    change_override(command, outcome);
    break;
  }
  mdm_command_free(command);
  mdm_device_outcome_free(outcome);
  return true;
}

bool exports_password_cancel(mdm_command_t *command, mdm_refusal_t *err) {
  bool accepted = check_pending(command, err);
  if (accepted) {
    mdm_outcome_t outcome = CANCELLED;
    device_store_complete(&command->id, &outcome);
  }
  mdm_command_free(command);
  return accepted;
}

bool exports_password_expire(mdm_command_t *command, mdm_refusal_t *err) {
  mdm_situation_t situation;
  device_store_get_situation(&situation);
  bool accepted = check_expired(command, situation.now, err);
  mdm_situation_free(&situation);
  if (accepted) {
    mdm_outcome_t outcome = EXPIRED;
    device_store_complete(&command->id, &outcome);
  }
  mdm_command_free(command);
  return accepted;
}
