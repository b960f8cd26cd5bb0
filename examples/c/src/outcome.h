/* Rules 2, 6, 8 and 11: a command gets one outcome, and what that means for the override. */
#pragma once

#include "mdm.h"

/* What becomes of the override of the policy. */
enum override_change {
  /* It stays as it is. */
  OVERRIDE_STAYS,
  /* A password was set from the dashboard. */
  OVERRIDE_BEGINS,
  /* It was removed. */
  OVERRIDE_ENDS,
};

/* The outcome of a command whose time was over. */
extern const mdm_outcome_t EXPIRED;

/* The outcome of a command that an admin took back. */
extern const mdm_outcome_t CANCELLED;

/* The outcome of a command that another one replaced. It holds that command's id, not a copy. */
mdm_outcome_t superseded_by(mdm_command_id_t command);

/* The outcome of a command by the report of its device. It holds the report's text, not a copy. */
mdm_outcome_t reported(const mdm_device_outcome_t *outcome);

/*
 * What to make of a report: the first outcome completes the command, the same again changes nothing,
 * and another one comes too late.
 */
mdm_report_effect_t report_effect(const mdm_command_t *command,
                                  const mdm_device_outcome_t *outcome);

/*
 * Rules 6 and 8: the success of a reset begins the override, that of a remove ends it, and a
 * failure changes nothing; also when the report comes late, because the device's real state wins.
 */
enum override_change override_change(mdm_action_t action, const mdm_device_outcome_t *outcome);

/* Refuses to end a command that has its outcome already. */
bool check_pending(const mdm_command_t *command, mdm_refusal_t *refusal);

/* As `check_pending`; and refuses to expire a command whose time is not over. */
bool check_expired(const mdm_command_t *command, mdm_timestamp_t now, mdm_refusal_t *refusal);
