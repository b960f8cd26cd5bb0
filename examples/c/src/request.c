#include "request.h"

#include "own_rule.h"
#include "password.h"
#include "policy.h"
#include "values.h"
#include "version.h"

/* The calendar of the contract ends where the year 9999 begins. */
#define END_OF_CALENDAR UINT64_C(253370764800000)

/* Rule 11: one command in flight, unless the new one names it as the one that it replaces. */
static bool make_way(const mdm_situation_t *situation, const mdm_option_command_id_t *replaces,
                     enum ending *pending_ends, mdm_refusal_t *refusal) {
  const mdm_command_t *pending = &situation->pending.val;
  if (!situation->pending.is_some) {
    *pending_ends = ENDS_NOTHING;
    if (!replaces->is_some) {
      return true;
    }
    *refusal = (mdm_refusal_t){
        .tag = MDM_REFUSAL_NOT_PENDING,
        .val.not_pending = copy_string(replaces->val),
    };
    return false;
  }
  bool names_it = replaces->is_some && same_string(replaces->val, pending->id);
  bool names_another = replaces->is_some && !names_it;
  bool is_over = pending->expires_at.is_some && pending->expires_at.val <= situation->now;
  if (names_another || !(names_it || is_over)) {
    *refusal = (mdm_refusal_t){
        .tag = MDM_REFUSAL_CONFLICT,
        .val.conflict = copy_string(pending->id),
    };
    return false;
  }
  *pending_ends = is_over ? ENDS_EXPIRED : ENDS_SUPERSEDED;
  return true;
}

/* Rule 10: a command may have an expiry, within the calendar. */
static bool find_expiry(mdm_timestamp_t now, const mdm_option_u64_t *valid_for,
                        mdm_option_timestamp_t *expires_at, mdm_refusal_t *refusal) {
  *expires_at = (mdm_option_timestamp_t){.is_some = valid_for->is_some};
  if (!valid_for->is_some) {
    return true;
  }
  /* Compared in seconds, because milliseconds can overflow. */
  bool is_valid = valid_for->val > 0 && now < END_OF_CALENDAR &&
                  valid_for->val <= (END_OF_CALENDAR - 1 - now) / 1000;
  if (!is_valid) {
    refusal->tag = MDM_REFUSAL_BAD_VALIDITY;
    return false;
  }
  expires_at->val = now + valid_for->val * 1000;
  return true;
}

static bool check_version(const mdm_situation_t *situation, mdm_refusal_t *refusal) {
  return check_agent(situation->device.agent_version, situation->deployment.minimum_agent_version,
                     refusal);
}

static bool accept(const mdm_situation_t *situation, const mdm_request_t *request,
                   struct sending *sending, mdm_refusal_t *refusal) {
  return make_way(situation, &request->replaces, &sending->pending_ends, refusal) &&
         find_expiry(situation->now, &request->valid_for, &sending->command.expires_at, refusal);
}

bool accept_reset(const mdm_situation_t *situation, const mdm_request_t *request,
                  struct sending *sending, mdm_refusal_t *refusal) {
  sending->command = (mdm_new_command_t){.action = MDM_ACTION_RESET, .options = request->options};
  mdm_password_rule_t rule = effective_rule(situation);
  mdm_password_metrics_t password = password_or_strongest(situation);
  return check_version(situation, refusal) && check_password(&rule, &password, refusal) &&
         accept(situation, request, sending, refusal) && check_own_rule(situation, refusal);
}

bool accept_remove(const mdm_situation_t *situation, const mdm_request_t *request,
                   struct sending *sending, mdm_refusal_t *refusal) {
  sending->command = (mdm_new_command_t){.action = MDM_ACTION_REMOVE};
  if (!check_version(situation, refusal)) {
    return false;
  }
  if (!remove_offered(&situation->device)) {
    refusal->tag = MDM_REFUSAL_NOTHING_TO_REMOVE;
    return false;
  }
  return accept(situation, request, sending, refusal);
}
