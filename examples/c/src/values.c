#include "values.h"

#include <stdlib.h>
#include <string.h>

mdm_string_t copy_string(mdm_string_t string) {
  mdm_string_t copy;
  mdm_string_dup_n(&copy, (const char *)string.ptr, string.len);
  return copy;
}

bool same_string(mdm_string_t one, mdm_string_t other) {
  return one.len == other.len && memcmp(one.ptr, other.ptr, one.len) == 0;
}

void *grow_list(void *items, size_t length, size_t item_size) {
  void *grown = realloc(items, (length + 1) * item_size);
  if (grown == NULL) {
    abort(); /* A plugin that stops harms its own call only. */
  }
  return grown;
}
