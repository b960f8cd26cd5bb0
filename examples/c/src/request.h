/* Rules 1, 3, 7 and 11: whether a reset or a remove is accepted, and what it sends. */
#pragma once

#include "mdm.h"

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
 * Decides on a reset: true with what to send, or false with the refusal. Without a password, it is
 * judged for the strongest that the effective rule allows.
 */
bool accept_reset(const mdm_situation_t *situation, const mdm_request_t *request,
                  struct sending *sending, mdm_refusal_t *refusal);

/* Decides on a remove: true with what to send, or false with the refusal. */
bool accept_remove(const mdm_situation_t *situation, const mdm_request_t *request,
                   struct sending *sending, mdm_refusal_t *refusal);
