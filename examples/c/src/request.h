/* Rules 1, 3, 7 and 11: whether a reset or a remove is accepted, and what it sends. */
#pragma once

#include "mdm.h"

/* What is known when an admin asks. */
struct situation {
  mdm_device_t device;
  /* Its command in flight. */
  mdm_option_command_t pending;
  /* What the deployment asks of passwords. */
  mdm_password_rule_t password_rule;
  /* The time of the call. */
  mdm_timestamp_t now;
};

/* How the command in flight makes way for a new one. */
enum ending {
  /* There is none. */
  ENDS_NOTHING,
  /* Its time was over. */
  ENDS_EXPIRED,
  /* The new command replaces it. */
  ENDS_SUPERSEDED,
};

/* An accepted request. */
struct sending {
  mdm_new_command_t command;
  enum ending pending_ends;
};

/*
 * Decides on a reset: true with what to send, or false with the refusal. Without a password (NULL),
 * it is judged for one that meets the rule.
 */
bool accept_reset(const struct situation *situation, const mdm_password_metrics_t *password,
                  const mdm_reset_options_t *options, const mdm_terms_t *terms,
                  struct sending *sending, mdm_refusal_t *refusal);

/* Decides on a remove: true with what to send, or false with the refusal. */
bool accept_remove(const struct situation *situation, const mdm_terms_t *terms,
                   struct sending *sending, mdm_refusal_t *refusal);
