/*
 * THE OWN RULE: the place for you to change.
 *
 * All other files do what the contract requires. What this one adds is the plugin's choice: a
 * device that was last heard of long ago is not reset. The number of days is a setting. The rule
 * is asked last, once the contract has nothing against the reset either, and for a preview as for
 * a reset.
 */
#include "own_rule.h"

#include <string.h>

#define DAY (UINT64_C(24) * 60 * 60 * 1000)

#define DEFAULT_DAYS 30

#define SETTING "\"days-of-silence\""

#define SCHEMA                                                                                   \
  "{\"type\": \"object\", \"properties\": {" SETTING ": {\"type\": \"integer\", \"minimum\": 1, "      \
  "\"maximum\": 3650, \"description\": \"A device that was silent for more days is not reset\"}}, "  \
  "\"additionalProperties\": false}"

void describe_plugin(exports_plugin_description_t *description) {
  mdm_string_dup(&description->name, "lost-and-found-plugin");
  mdm_string_dup(&description->version, "1.0.0");
  mdm_string_dup(&description->summary, "No reset of a device that has been silent for long.");
  mdm_string_dup(&description->settings_schema, SCHEMA);
  mdm_string_dup(&description->default_settings, "{" SETTING ": 30}");
}

/* The schema leaves nothing to check. */
bool check_settings(mdm_string_t settings, exports_plugin_list_settings_fault_t *faults) {
  (void)settings;
  (void)faults;
  return true;
}

/* The one number in the settings. The host gives only settings that meet the schema. */
static uint64_t chosen_days(void) {
  mdm_string_t settings;
  settings_get(&settings);
  uint64_t days = 0;
  for (size_t i = 0; i < settings.len; i++) {
    uint8_t character = settings.ptr[i];
    if (character >= '0' && character <= '9') {
      days = days * 10 + (character - '0');
    }
  }
  mdm_string_free(&settings);
  return days == 0 ? DEFAULT_DAYS : days;
}

/* The refusal, in words for the admin. (`snprintf` would import WASI's files.) */
static mdm_string_t refusal_text(uint64_t days) {
  char digits[21] = {0};
  size_t first = sizeof digits - 1;
  do {
    digits[--first] = '0' + days % 10;
    days /= 10;
  } while (days > 0);
  char text[100] = "the device has not been heard of for ";
  strcat(text, digits + first);
  strcat(text, " days: find it first");
  mdm_string_t copy;
  mdm_string_dup(&copy, text);
  return copy;
}

bool check_own_rule(const mdm_situation_t *situation, mdm_refusal_t *refusal) {
  mdm_timestamp_t heard = situation->device.last_sync;
  uint64_t days = chosen_days();
  if (situation->now <= heard || situation->now - heard <= days * DAY) {
    return true;
  }
  *refusal = (mdm_refusal_t){.tag = MDM_REFUSAL_OTHER, .val.other = refusal_text(days)};
  return false;
}
