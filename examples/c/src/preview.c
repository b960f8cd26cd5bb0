#include "preview.h"

#include "answer.h"
#include "own_rule.h"
#include "password.h"
#include "values.h"

static bool is_refused(const struct situation *situation, const struct wanted *wanted,
                       const mdm_terms_t *terms, mdm_refusal_t *refusal) {
  struct sending sending;
  return wanted->action == MDM_ACTION_RESET
             ? !accept_reset(situation, wanted->password, wanted->options, terms, &sending, refusal)
             : !accept_remove(situation, terms, &sending, refusal);
}

static mdm_verdict_t find_verdict(const struct situation *situation, const struct channel *channel,
                                  const struct wanted *wanted, const mdm_terms_t *terms) {
  mdm_refusal_t refusal;
  if (is_refused(situation, wanted, terms, &refusal)) {
    return (mdm_verdict_t){
        .tag = MDM_VERDICT_WOULD_BE_REFUSED,
        .val.would_be_refused = refusal,
    };
  }
  const mdm_device_t *device = &situation->device;
  mdm_password_metrics_t strongest = strongest_password(&situation->password_rule);
  mdm_verdict_t verdict =
      answer(device, wanted->action, wanted->password != NULL ? wanted->password : &strongest);
  if (verdict.tag != MDM_VERDICT_WILL_SUCCEED || channel->online) {
    return verdict;
  }
  return (mdm_verdict_t){
      .tag = MDM_VERDICT_WILL_WAIT,
      .val.will_wait = {.tag = MDM_WAIT_DEVICE_OFFLINE, .val.device_offline = device->last_sync},
  };
}

static mdm_remedy_t remedy_for_refusal(const mdm_refusal_t *refusal) {
  switch (refusal->tag) {
  case MDM_REFUSAL_AGENT_TOO_OLD:
    return MDM_REMEDY_UPDATE_AGENT;
  case MDM_REFUSAL_PASSWORD_REFUSED:
    return MDM_REMEDY_OTHER_PASSWORD;
  case MDM_REFUSAL_CONFLICT:
    return MDM_REMEDY_RESOLVE_PENDING;
  case MDM_REFUSAL_OTHER:
    return OWN_RULE_REMEDY;
  default:
    return MDM_REMEDY_NONE;
  }
}

static mdm_remedy_t remedy_for_failure(const mdm_device_t *device, mdm_action_t action,
                                       const mdm_failure_t *failure) {
  switch (failure->tag) {
  case MDM_FAILURE_EXISTING_PASSWORD:
    return MDM_REMEDY_USER_REMOVES_PASSWORD;
  case MDM_FAILURE_MAY_NOT_CLEAR:
    return device->management_mode == MDM_MANAGEMENT_MODE_PROFILE_OWNER
               ? MDM_REMEDY_USER_REMOVES_PASSWORD
               : MDM_REMEDY_ENROLL_AGAIN;
  case MDM_FAILURE_NOT_SUPPORTED:
    return MDM_REMEDY_ENROLL_AGAIN;
  case MDM_FAILURE_USER_LOCKED:
    return MDM_REMEDY_USER_UNLOCKS_ONCE;
  case MDM_FAILURE_TOKEN_NOT_ACTIVE:
    return device->condition.token == MDM_TOKEN_STATE_UNCONFIRMED ? MDM_REMEDY_USER_UNLOCKS_ONCE
                                                                  : MDM_REMEDY_PROVISION_TOKEN;
  case MDM_FAILURE_TOKEN_INVALID:
    return MDM_REMEDY_PROVISION_TOKEN;
  case MDM_FAILURE_POLICY_VIOLATION:
    return action == MDM_ACTION_RESET ? MDM_REMEDY_STRONGER_PASSWORD
                                      : MDM_REMEDY_OTHER_ADMIN_LIFTS_POLICY;
  case MDM_FAILURE_OTHER_ADMIN_ENTRY_PENDING:
    return MDM_REMEDY_USER_ENTERS_OTHER_PASSWORD;
  default:
    return MDM_REMEDY_NONE;
  }
}

static bool is_device_offline(const mdm_verdict_t *verdict) {
  return verdict->tag == MDM_VERDICT_WILL_WAIT &&
         verdict->val.will_wait.tag == MDM_WAIT_DEVICE_OFFLINE;
}

static mdm_option_remedy_t find_remedy(const mdm_device_t *device, mdm_action_t action,
                                       const mdm_verdict_t *verdict) {
  mdm_option_remedy_t remedy = {.is_some = true};
  switch (verdict->tag) {
  case MDM_VERDICT_WILL_SUCCEED:
    remedy.is_some = false;
    break;
  case MDM_VERDICT_WILL_WAIT:
    remedy.val =
        is_device_offline(verdict) ? MDM_REMEDY_CONNECT_DEVICE : MDM_REMEDY_USER_UNLOCKS_ONCE;
    break;
  case MDM_VERDICT_WILL_FAIL:
    remedy.val = remedy_for_failure(device, action, &verdict->val.will_fail);
    break;
  case MDM_VERDICT_WOULD_BE_REFUSED:
    remedy.val = remedy_for_refusal(&verdict->val.would_be_refused);
    break;
  }
  return remedy;
}

static void add_note(mdm_list_note_t *notes, mdm_note_t note) {
  notes->ptr = grow_list(notes->ptr, notes->len, sizeof note);
  notes->ptr[notes->len++] = note;
}

/*
 * Rule 10: the options that were asked for and can't be had. `lockNow` and "require entry" are as
 * old as device administration; "don't ask credentials on boot" came with API 23, for device
 * owners.
 */
static void add_missing_options(mdm_list_note_t *notes, const mdm_device_t *device,
                                const mdm_capabilities_t *channel, const mdm_reset_options_t *wanted) {
  bool boots_without = device->management_mode == MDM_MANAGEMENT_MODE_DEVICE_OWNER &&
                       device->api_level >= 23;
  if (wanted->lock_now && !channel->lock_now) {
    add_note(notes, (mdm_note_t){.tag = MDM_NOTE_NO_LOCK_NOW});
  }
  if (wanted->require_entry && !channel->require_entry) {
    add_note(notes, (mdm_note_t){.tag = MDM_NOTE_NO_REQUIRE_ENTRY});
  }
  if (wanted->no_credentials_on_boot && !(channel->no_credentials_on_boot && boots_without)) {
    add_note(notes, (mdm_note_t){.tag = MDM_NOTE_NO_CREDENTIALS_OPTION});
  }
}

static mdm_list_note_t find_notes(const mdm_device_t *device, const struct channel *channel,
                                  const struct wanted *wanted, const mdm_terms_t *terms,
                                  const mdm_verdict_t *verdict) {
  mdm_list_note_t notes = {0};
  const mdm_option_policy_t *other_admin_policy = &device->condition.other_admin_policy;
  bool is_reset = wanted->action == MDM_ACTION_RESET;
  if (device->management_mode != MDM_MANAGEMENT_MODE_DEVICE_OWNER || device->api_level < 24) {
    add_note(&notes, (mdm_note_t){.tag = MDM_NOTE_BEST_EFFORT});
  }
  if (device->management_mode == MDM_MANAGEMENT_MODE_PROFILE_OWNER && device->managed_profile) {
    add_note(&notes, (mdm_note_t){.tag = MDM_NOTE_WORK_PROFILE_ONLY});
  }
  if (device->policy.is_some) {
    add_note(&notes, (mdm_note_t){.tag = is_reset ? MDM_NOTE_OVERRIDES_POLICY
                                                  : MDM_NOTE_POLICY_ENFORCED_AGAIN});
  }
  if (other_admin_policy->is_some) {
    add_note(&notes, (mdm_note_t){.tag = MDM_NOTE_OTHER_ADMIN_POLICY,
                                  .val.other_admin_policy = other_admin_policy->val});
  }
  if (is_reset) {
    add_missing_options(&notes, device, &channel->capabilities, wanted->options);
  }
  if (terms->valid_for.is_some && !channel->capabilities.expiry) {
    add_note(&notes, (mdm_note_t){.tag = MDM_NOTE_NO_EXPIRY});
  }
  if (!channel->online && !is_device_offline(verdict)) {
    add_note(&notes,
             (mdm_note_t){.tag = MDM_NOTE_DEVICE_OFFLINE, .val.device_offline = device->last_sync});
  }
  return notes;
}

mdm_device_preview_t preview(const struct situation *situation, const struct channel *channel,
                              const struct wanted *wanted, const mdm_terms_t *terms) {
  const mdm_device_t *device = &situation->device;
  mdm_verdict_t verdict = find_verdict(situation, channel, wanted, terms);
  return (mdm_device_preview_t){
      .verdict = verdict,
      .remedy = find_remedy(device, wanted->action, &verdict),
      .notes = find_notes(device, channel, wanted, terms, &verdict),
  };
}
