/* THE OWN RULE: the place for you to change, together with own_rule.c. */
#pragma once

#include "mdm.h"

/* What the preview advises about a reset that the own rule refuses. */
#define OWN_RULE_REMEDY MDM_REMEDY_CONNECT_DEVICE

/* The description of the plugin. */
void describe_plugin(exports_plugin_description_t *description);

/* Whether settings are right. If not, `faults` says what is wrong. */
bool check_settings(mdm_string_t settings, exports_plugin_list_settings_fault_t *faults);

/* Whether the own rule has nothing against a reset. If it has, `refusal` says what. */
bool check_own_rule(const mdm_situation_t *situation, mdm_refusal_t *refusal);
