/* Rule 3: the agent must be recent enough. */
#pragma once

#include "mdm.h"

/*
 * Refuses an agent below the minimum, by the precedence of semantic versioning 2.0.0. A version that is
 * none counts as too old: nobody can tell what such an agent does.
 */
bool check_agent(mdm_string_t agent_version, mdm_string_t minimum, mdm_refusal_t *refusal);
