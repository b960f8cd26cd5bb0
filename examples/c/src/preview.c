#include "preview.h"

#include "answer.h"
#include "own_rule.h"
#include "password.h"
#include "values.h"

static bool is_refused(const mdm_situation_t *situation, mdm_action_t action,
                       const mdm_request_t *request, mdm_refusal_t *refusal) {
  struct sending sending;
  return action == MDM_ACTION_RESET ? !accept_reset(situation, request, &sending, refusal)
                                    : !accept_remove(situation, request, &sending, refusal);
}

static mdm_verdict_t find_verdict(const mdm_situation_t *situation, mdm_action_t action,
                                  const mdm_request_t *request) {
  mdm_refusal_t refusal;
  if (is_refused(situation, action, request, &refusal)) {
    return (mdm_verdict_t){
        .tag = MDM_VERDICT_WOULD_BE_REFUSED,
        .val.would_be_refused = refusal,
    };
  }
  const mdm_device_t *device = &situation->device;
  mdm_password_metrics_t password = password_or_strongest(situation);
  mdm_verdict_t verdict = answer(device, action, &password);
  if (verdict.tag != MDM_VERDICT_WILL_SUCCEED || situation->online) {
    return verdict;
  }
  return (mdm_verdict_t){
      .tag = MDM_VERDICT_WILL_WAIT,
      .val.will_wait = {.tag = MDM_WAIT_DEVICE_OFFLINE, .val.device_offline = device->last_sync},
  };
}

static mdm_option_remedy_t some(mdm_remedy_t remedy) {
  return (mdm_option_remedy_t){.is_some = true, .val = remedy};
}

static const mdm_option_remedy_t NO_REMEDY = {.is_some = false};

static mdm_option_remedy_t remedy_for_refusal(const mdm_refusal_t *refusal) {
  switch (refusal->tag) {
  case MDM_REFUSAL_AGENT_TOO_OLD:
    return some(MDM_REMEDY_UPDATE_AGENT);
  case MDM_REFUSAL_PASSWORD_REFUSED:
    return some(MDM_REMEDY_OTHER_PASSWORD);
  case MDM_REFUSAL_CONFLICT:
    return some(MDM_REMEDY_RESOLVE_PENDING);
  case MDM_REFUSAL_OTHER:
    return some(OWN_RULE_REMEDY);
  default:
    return NO_REMEDY;
  }
}

static mdm_option_remedy_t remedy_for_failure(const mdm_device_t *device, mdm_action_t action,
                                       const mdm_device_failure_t *failure) {
  switch (failure->tag) {
  case MDM_DEVICE_FAILURE_EXISTING_PASSWORD:
    return some(MDM_REMEDY_USER_REMOVES_PASSWORD);
  case MDM_DEVICE_FAILURE_MAY_NOT_CLEAR:
    return some(device->management_mode == MDM_MANAGEMENT_MODE_PROFILE_OWNER
                    ? MDM_REMEDY_USER_REMOVES_PASSWORD
                    : MDM_REMEDY_ENROLL_AGAIN);
  case MDM_DEVICE_FAILURE_NOT_SUPPORTED:
  case MDM_DEVICE_FAILURE_TOKEN_UNSUPPORTED:
    return some(MDM_REMEDY_ENROLL_AGAIN);
  case MDM_DEVICE_FAILURE_USER_LOCKED:
    return some(MDM_REMEDY_USER_UNLOCKS_ONCE);
  case MDM_DEVICE_FAILURE_TOKEN_NOT_ACTIVE:
    return some(device->condition.token == MDM_TOKEN_STATE_UNCONFIRMED ? MDM_REMEDY_USER_UNLOCKS_ONCE
                                                                       : MDM_REMEDY_PROVISION_TOKEN);
  case MDM_DEVICE_FAILURE_TOKEN_INVALID:
    return some(MDM_REMEDY_PROVISION_TOKEN);
  case MDM_DEVICE_FAILURE_POLICY_VIOLATION:
    return some(action == MDM_ACTION_RESET ? MDM_REMEDY_STRONGER_PASSWORD
                                           : MDM_REMEDY_OTHER_ADMIN_LIFTS_POLICY);
  case MDM_DEVICE_FAILURE_OTHER_ADMIN_ENTRY_PENDING:
    return some(MDM_REMEDY_USER_ENTERS_OTHER_PASSWORD);
  case MDM_DEVICE_FAILURE_PASSWORD_NOT_ACCEPTED:
    return some(MDM_REMEDY_OTHER_PASSWORD);
  default:
    return NO_REMEDY;
  }
}

static bool is_device_offline(const mdm_verdict_t *verdict) {
  return verdict->tag == MDM_VERDICT_WILL_WAIT &&
         verdict->val.will_wait.tag == MDM_WAIT_DEVICE_OFFLINE;
}

static mdm_option_remedy_t find_remedy(const mdm_device_t *device, mdm_action_t action,
                                       const mdm_verdict_t *verdict) {
  switch (verdict->tag) {
  case MDM_VERDICT_WILL_WAIT:
    return some(is_device_offline(verdict) ? MDM_REMEDY_CONNECT_DEVICE
                                           : MDM_REMEDY_USER_UNLOCKS_ONCE);
  case MDM_VERDICT_WILL_FAIL:
    return remedy_for_failure(device, action, &verdict->val.will_fail);
  case MDM_VERDICT_WOULD_BE_REFUSED:
    return remedy_for_refusal(&verdict->val.would_be_refused);
  default:
    return NO_REMEDY;
  }
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
static void add_missing_options(mdm_list_note_t *notes, const mdm_situation_t *situation,
                                mdm_reset_options_t requested) {
  const mdm_device_t *device = &situation->device;
  bool boots_without = device->management_mode == MDM_MANAGEMENT_MODE_DEVICE_OWNER &&
                       device->api_level >= 23;
  mdm_reset_options_t missing = requested & ~situation->capabilities.options;
  if (missing & MDM_RESET_OPTIONS_LOCK_NOW) {
    add_note(notes, (mdm_note_t){.tag = MDM_NOTE_NO_LOCK_NOW});
  }
  if (missing & MDM_RESET_OPTIONS_REQUIRE_ENTRY) {
    add_note(notes, (mdm_note_t){.tag = MDM_NOTE_NO_REQUIRE_ENTRY});
  }
  if ((boots_without ? missing : requested) & MDM_RESET_OPTIONS_NO_CREDENTIALS_ON_BOOT) {
    add_note(notes, (mdm_note_t){.tag = MDM_NOTE_NO_CREDENTIALS_OPTION});
  }
}

static mdm_list_note_t find_notes(const mdm_situation_t *situation, mdm_action_t action,
                                  const mdm_request_t *request, const mdm_verdict_t *verdict) {
  mdm_list_note_t notes = {0};
  const mdm_device_t *device = &situation->device;
  const mdm_option_policy_t *other_admin_policy = &device->condition.other_admin_policy;
  bool is_reset = action == MDM_ACTION_RESET;
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
    add_missing_options(&notes, situation, request->options);
  }
  if (request->valid_for.is_some && !situation->capabilities.expiry) {
    add_note(&notes, (mdm_note_t){.tag = MDM_NOTE_NO_EXPIRY});
  }
  if (!situation->online && !is_device_offline(verdict)) {
    add_note(&notes,
             (mdm_note_t){.tag = MDM_NOTE_DEVICE_OFFLINE, .val.device_offline = device->last_sync});
  }
  return notes;
}

mdm_device_preview_t preview(const mdm_situation_t *situation, mdm_action_t action,
                             const mdm_request_t *request) {
  mdm_verdict_t verdict = find_verdict(situation, action, request);
  return (mdm_device_preview_t){
      .verdict = verdict,
      .remedy = find_remedy(&situation->device, action, &verdict),
      .notes = find_notes(situation, action, request, &verdict),
  };
}
