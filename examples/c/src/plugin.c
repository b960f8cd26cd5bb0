/*
 * The exports: each asks the imports for what its rule needs, and carries out what the rule
 * decides.
 *
 * An export frees its parameters and what the imports returned to it. What it returns is freed by
 * the bindings, once the host has read it: it must hold copies, and nothing of the former.
 */
#include "outcome.h"
#include "preview.h"
#include "policy.h"
#include "request.h"

/* What the imports tell of a request's situation. */
static struct situation read_situation(void) {
  struct situation situation;
  device_store_get_device(&situation.device);
  situation.pending.is_some = device_store_get_pending(&situation.pending.val);
  device_store_get_password_rule(&situation.password_rule);
  situation.now = clock_now();
  return situation;
}

static void free_situation(struct situation *situation) {
  mdm_device_free(&situation->device);
  mdm_option_command_free(&situation->pending);
}

/* Carries an accepted request out. A remove has no secret (NULL). */
static mdm_command_id_t carry_out(struct sending *sending, struct situation *situation,
                                  secrets_borrow_secret_t *secret) {
  mdm_command_id_t id;
  transport_send(&sending->command, secret, &id);
  if (sending->pending_ends != ENDS_NOTHING) {
    mdm_outcome_t outcome = sending->pending_ends == ENDS_EXPIRED ? EXPIRED : superseded_by(id);
    device_store_complete(&situation->pending.val.id, &outcome);
  }
  return id;
}

bool exports_password_reset(secrets_borrow_secret_t secret, mdm_reset_options_t *options,
                            mdm_terms_t *terms, mdm_command_id_t *ret, mdm_refusal_t *err) {
  struct situation situation = read_situation();
  mdm_password_metrics_t password;
  secrets_method_secret_metrics(secret, &password);
  struct sending sending;
  bool accepted = accept_reset(&situation, &password, options, terms, &sending, err);
  if (accepted) {
    *ret = carry_out(&sending, &situation, &secret);
  }
  free_situation(&situation);
  mdm_terms_free(terms);
  return accepted;
}

bool exports_password_remove(mdm_terms_t *terms, mdm_command_id_t *ret, mdm_refusal_t *err) {
  struct situation situation = read_situation();
  struct sending sending;
  bool accepted = accept_remove(&situation, terms, &sending, err);
  if (accepted) {
    *ret = carry_out(&sending, &situation, NULL);
  }
  free_situation(&situation);
  mdm_terms_free(terms);
  return accepted;
}

void exports_password_preview(mdm_action_t action, secrets_borrow_secret_t *maybe_secret,
                              mdm_reset_options_t *options, mdm_terms_t *terms,
                              mdm_device_preview_t *ret) {
  struct situation situation = read_situation();
  struct channel channel = {.online = transport_is_online()};
  transport_get_capabilities(&channel.capabilities);
  struct wanted wanted = {.action = action, .options = options};
  mdm_password_metrics_t password;
  if (maybe_secret != NULL) {
    secrets_method_secret_metrics(*maybe_secret, &password);
    wanted.password = &password;
  }
  *ret = preview(&situation, &channel, &wanted, terms);
  free_situation(&situation);
  mdm_terms_free(terms);
}

void exports_password_status(mdm_device_status_t *ret) {
  mdm_device_t device;
  device_store_get_device(&device);
  ret->latest.is_some = device_store_get_latest(&ret->latest.val);
  ret->policy_state = policy_state(&device);
  ret->remove_offered = remove_offered(&device);
  device_store_get_password_rule(&ret->password_rule);
  mdm_device_free(&device);
}

void exports_password_policy_override(mdm_policy_state_t *ret) {
  mdm_device_t device;
  device_store_get_device(&device);
  *ret = policy_state(&device);
  mdm_device_free(&device);
}

static void change_override(mdm_command_t *command, const mdm_outcome_t *outcome) {
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
bool exports_password_report(mdm_command_t *command, mdm_outcome_t *outcome,
                             mdm_report_effect_t *ret, mdm_refusal_t *err) {
  (void)err;
  *ret = report_effect(command, outcome);
  switch (*ret) {
  case MDM_REPORT_EFFECT_COMPLETED:
    device_store_complete(&command->id, outcome);
    change_override(command, outcome);
    break;
  case MDM_REPORT_EFFECT_LATE:
    device_store_keep_late_outcome(&command->id, outcome);
    change_override(command, outcome);
    break;
  }
  mdm_command_free(command);
  mdm_outcome_free(outcome);
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
  bool accepted = check_expired(command, clock_now(), err);
  if (accepted) {
    mdm_outcome_t outcome = EXPIRED;
    device_store_complete(&command->id, &outcome);
  }
  mdm_command_free(command);
  return accepted;
}
