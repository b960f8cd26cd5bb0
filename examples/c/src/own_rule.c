/*
 * THE OWN RULE: the place for you to change.
 *
 * All other files do what the contract requires. What this one adds is the plugin's choice: a
 * device that was last heard of more than 30 days ago is not reset. It is asked last, once the
 * contract has nothing against the reset either, and for a preview as for a reset.
 */
#include "own_rule.h"

/* 30 days, in milliseconds. */
#define MAX_SILENCE (UINT64_C(30) * 24 * 60 * 60 * 1000)

/* In words for the admin. */
#define REFUSAL "the device has not been heard of for 30 days: find it first"

bool check_own_rule(const struct situation *situation, mdm_refusal_t *refusal) {
  mdm_timestamp_t heard = situation->device.last_sync;
  if (situation->now <= heard || situation->now - heard <= MAX_SILENCE) {
    return true;
  }
  refusal->tag = MDM_REFUSAL_OTHER;
  mdm_string_dup(&refusal->val.other, REFUSAL);
  return false;
}
