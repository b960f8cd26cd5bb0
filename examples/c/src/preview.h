/*
 * Rules 4, 10 and 12: what a reset or a remove would come to, and what the admin should know and
 * do.
 */
#pragma once

#include "request.h"

/* Previews what it would come to. */
mdm_device_preview_t preview(const mdm_situation_t *situation, mdm_action_t action,
                             const mdm_request_t *request);
