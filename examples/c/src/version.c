#include "version.h"

#include "values.h"

/* What counts of a version: no two pre-releases need to be told apart here. */
struct version {
  uint32_t numbers[3];
  bool is_release;
};

/* Takes a number off the front of `text`. */
static bool take_number(mdm_string_t *text, uint32_t *number) {
  uint64_t value = 0;
  size_t taken = 0;
  while (taken < text->len && text->ptr[taken] >= '0' && text->ptr[taken] <= '9') {
    value = value * 10 + (text->ptr[taken] - '0');
    if (value > UINT32_MAX) {
      return false;
    }
    taken++;
  }
  text->ptr += taken;
  text->len -= taken;
  *number = value;
  return taken > 0;
}

static bool take_dot(mdm_string_t *text) {
  if (text->len == 0 || *text->ptr != '.') {
    return false;
  }
  text->ptr++;
  text->len--;
  return true;
}

static bool parse_version(mdm_string_t text, struct version *version) {
  for (int i = 0; i < 3; i++) {
    if ((i > 0 && !take_dot(&text)) || !take_number(&text, &version->numbers[i])) {
      return false;
    }
  }
  version->is_release = text.len == 0 || *text.ptr == '+';
  return version->is_release || *text.ptr == '-';
}

static bool precedes(const struct version *one, const struct version *other) {
  for (int i = 0; i < 3; i++) {
    if (one->numbers[i] != other->numbers[i]) {
      return one->numbers[i] < other->numbers[i];
    }
  }
  return !one->is_release && other->is_release;
}

bool check_agent(mdm_string_t agent_version, mdm_string_t minimum, mdm_refusal_t *refusal) {
  struct version agent, required;
  parse_version(minimum, &required);
  if (parse_version(agent_version, &agent) && !precedes(&agent, &required)) {
    return true;
  }
  *refusal = (mdm_refusal_t){
      .tag = MDM_REFUSAL_AGENT_TOO_OLD,
      .val.agent_too_old = {copy_string(agent_version), copy_string(minimum)},
  };
  return false;
}
