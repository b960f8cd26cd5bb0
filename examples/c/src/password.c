#include "password.h"

#include "values.h"

mdm_password_rule_t effective_rule(const mdm_situation_t *situation) {
  mdm_password_rule_t rule = situation->deployment.password_rule;
  const mdm_accepted_passwords_t *accepted = &situation->capabilities.passwords;
  uint32_t minimum = rule.characters == MDM_CHARACTERS_DIGITS ? accepted->minimum_pin_length
                                                              : accepted->minimum_length;
  if (rule.minimum_length < minimum) {
    rule.minimum_length = minimum;
  }
  if (rule.maximum_length > accepted->maximum_length) {
    rule.maximum_length = accepted->maximum_length;
  }
  return rule;
}

static void add_fault(mdm_list_password_fault_t *faults, mdm_password_fault_t fault) {
  faults->ptr = grow_list(faults->ptr, faults->len, sizeof fault);
  faults->ptr[faults->len++] = fault;
}

bool check_password(const mdm_password_rule_t *rule, const mdm_password_metrics_t *password,
                    mdm_refusal_t *refusal) {
  mdm_list_password_fault_t faults = {0};
  if (password->length < rule->minimum_length) {
    add_fault(&faults, (mdm_password_fault_t){.tag = MDM_PASSWORD_FAULT_TOO_SHORT,
                                              .val.too_short = rule->minimum_length});
  }
  if (password->length > rule->maximum_length) {
    add_fault(&faults, (mdm_password_fault_t){.tag = MDM_PASSWORD_FAULT_TOO_LONG,
                                              .val.too_long = rule->maximum_length});
  }
  switch (rule->characters) {
  case MDM_CHARACTERS_DIGITS:
    if (password->digits < password->length) {
      add_fault(&faults, (mdm_password_fault_t){.tag = MDM_PASSWORD_FAULT_NOT_ONLY_DIGITS});
    }
    break;
  case MDM_CHARACTERS_ALPHANUMERIC:
    if (password->lower_case + password->upper_case == 0) {
      add_fault(&faults, (mdm_password_fault_t){.tag = MDM_PASSWORD_FAULT_NEEDS_LETTER});
    }
    if (password->digits == 0) {
      add_fault(&faults, (mdm_password_fault_t){.tag = MDM_PASSWORD_FAULT_NEEDS_DIGIT});
    }
    break;
  }
  if (faults.len == 0) {
    return true;
  }
  *refusal = (mdm_refusal_t){.tag = MDM_REFUSAL_PASSWORD_REFUSED, .val.password_refused = faults};
  return false;
}

static mdm_password_metrics_t strongest_password(const mdm_password_rule_t *rule) {
  uint32_t length = rule->maximum_length;
  uint32_t one_each = rule->characters == MDM_CHARACTERS_ALPHANUMERIC;
  return (mdm_password_metrics_t){
      .length = length,
      .lower_case = one_each,
      .symbols = one_each,
      .digits = length > 2 * one_each ? length - 2 * one_each : 0,
      .longest_sequence = length > 0,
      .longest_repeat = length > 0,
      .distinct = length,
  };
}

mdm_password_metrics_t password_or_strongest(const mdm_situation_t *situation) {
  if (situation->password.is_some) {
    return situation->password.val;
  }
  mdm_password_rule_t rule = effective_rule(situation);
  return strongest_password(&rule);
}
