/* Rule 1: what a password set from the dashboard has to be like. */
#pragma once

#include "mdm.h"

/*
 * The effective rule: the deployment's, narrowed to the passwords that the device accepts. If both
 * exclude each other, its minimum is above its maximum.
 */
mdm_password_rule_t effective_rule(const mdm_situation_t *situation);

/* Refuses a password that breaks a rule, and names every fault. */
bool check_password(const mdm_password_rule_t *rule, const mdm_password_metrics_t *password,
                    mdm_refusal_t *refusal);

/*
 * The password of the call, or the strongest that the effective rule allows: what it can't meet, no
 * password of the rule can.
 */
mdm_password_metrics_t password_or_strongest(const mdm_situation_t *situation);
