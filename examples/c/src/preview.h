/*
 * Rules 4, 10 and 12: what a reset or a remove would come to, and what the admin should know and
 * do.
 */
#pragma once

#include "request.h"

/* The channel to the device, as it is now. */
struct channel {
  mdm_capabilities_t capabilities;
  /* Whether the device is online. */
  bool online;
};

/* What the admin has in mind. */
struct wanted {
  mdm_action_t action;
  /* Of a reset: NULL if it is not known yet. */
  const mdm_password_metrics_t *password;
  /* Of a reset. */
  const mdm_reset_options_t *options;
};

/* Previews what it would come to. */
mdm_device_preview_t preview(const struct situation *situation, const struct channel *channel,
                              const struct wanted *wanted, const mdm_terms_t *terms);
