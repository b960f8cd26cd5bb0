/* What C lacks for the values of the contract: to copy, to compare, and to let a list grow. */
#pragma once

#include "mdm.h"

mdm_string_t copy_string(mdm_string_t string);

bool same_string(mdm_string_t one, mdm_string_t other);

/* Makes room for one more item at the end of a list of `length` items. */
void *grow_list(void *items, size_t length, size_t item_size);
