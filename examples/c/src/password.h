/* Rule 1: what a password set from the dashboard has to be like. */
#pragma once

#include "mdm.h"

/* Refuses a password that breaks the deployment's rule, and names every fault. */
bool check_password(const mdm_password_rule_t *rule, const mdm_password_metrics_t *password,
                    mdm_refusal_t *refusal);

/* The strongest password that a rule allows: what it can't meet, no password of the rule can. */
mdm_password_metrics_t strongest_password(const mdm_password_rule_t *rule);
