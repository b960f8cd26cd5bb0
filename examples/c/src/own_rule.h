/* THE OWN RULE: the place for you to change, together with own_rule.c. */
#pragma once

#include "request.h"

/* What the preview advises about a reset that the own rule refuses. */
#define OWN_RULE_REMEDY MDM_REMEDY_CONNECT_DEVICE

/* Whether the own rule has nothing against a reset. If it has, `refusal` says what. */
bool check_own_rule(const struct situation *situation, mdm_refusal_t *refusal);
