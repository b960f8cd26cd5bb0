#include "policy.h"

#include "values.h"

/* The longest sequence that `numeric-complex` and, of a PIN, a complexity allow. */
#define MAX_SEQUENCE 3

mdm_policy_state_t policy_state(const mdm_device_t *device) {
  if (device->policy_override.is_some) {
    const mdm_policy_override_t *override = &device->policy_override.val;
    return (mdm_policy_state_t){
        .tag = MDM_POLICY_STATE_OVERRIDDEN,
        .val.overridden = {copy_string(override->command), override->since},
    };
  }
  return (mdm_policy_state_t){
      .tag = device->policy.is_some ? MDM_POLICY_STATE_ENFORCED : MDM_POLICY_STATE_NONE,
  };
}

bool remove_offered(const mdm_device_t *device) {
  return device->policy_override.is_some || device->policy.is_some;
}

bool asks_for_password(const mdm_policy_t *policy) {
  return policy->requirement.tag == MDM_REQUIREMENT_QUALITY
             ? policy->requirement.val.quality != MDM_QUALITY_UNSPECIFIED
             : policy->requirement.val.complexity != MDM_COMPLEXITY_NONE;
}

static bool is_pin(const mdm_password_metrics_t *password) {
  return password->length > 0 && password->digits == password->length;
}

/* Only a PIN can be one: sequences of letters are allowed. */
static bool is_sequence(const mdm_password_metrics_t *password) {
  return is_pin(password) && password->longest_sequence > MAX_SEQUENCE;
}

static bool is_of_quality(mdm_quality_t quality, const mdm_password_metrics_t *password) {
  bool has_letter = password->lower_case + password->upper_case > 0;
  bool has_digit = password->digits > 0;
  /* To Android, whatever is neither a letter a–z nor a digit is a symbol. */
  bool has_symbol = password->symbols + password->others > 0;
  switch (quality) {
  case MDM_QUALITY_SOMETHING:
  case MDM_QUALITY_NUMERIC:
    return password->length > 0;
  case MDM_QUALITY_NUMERIC_COMPLEX:
    return password->length > 0 && !is_sequence(password);
  case MDM_QUALITY_ALPHABETIC:
    return has_letter;
  case MDM_QUALITY_ALPHANUMERIC:
    return has_letter && has_digit;
  case MDM_QUALITY_COMPLEX:
    return has_letter && has_digit && has_symbol;
  default:
    return true;
  }
}

static bool is_of_complexity(mdm_complexity_t complexity, const mdm_password_metrics_t *password) {
  switch (complexity) {
  case MDM_COMPLEXITY_LOW:
    return password->length > 0;
  case MDM_COMPLEXITY_MEDIUM:
    return password->length >= 4 && !is_sequence(password);
  case MDM_COMPLEXITY_HIGH:
    return password->length >= (is_pin(password) ? 8 : 6) && !is_sequence(password);
  default:
    return true;
  }
}

bool is_met(const mdm_policy_t *policy, const mdm_password_metrics_t *password) {
  if (policy->requirement.tag == MDM_REQUIREMENT_COMPLEXITY) {
    return is_of_complexity(policy->requirement.val.complexity, password);
  }
  mdm_quality_t quality = policy->requirement.val.quality;
  bool heeds_length = quality >= MDM_QUALITY_NUMERIC;
  return is_of_quality(quality, password) &&
         (!heeds_length || password->length >= policy->minimum_length);
}
