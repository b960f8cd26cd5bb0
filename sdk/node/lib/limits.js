// The limits of a call of a plugin.

/** What an operator may choose. */
export const DEFAULT_LIMITS = Object.freeze({
  /** Wall time, in milliseconds, with that of making the instance. */
  time: 1000,
  /** Linear memory of each of the component's memories, in bytes. */
  memory: 64 << 20,
  /** The heap of JavaScript in which a plugin's values are made, in MiB. */
  heap: 256,
});

export const MAX_EFFECTS = 16;
/** Of a text of a plugin. */
export const MAX_TEXT_BYTES = 1024;
/** Of a list of a plugin. */
export const MAX_LIST = 64;
/** Of settings, and of their schema. */
export const MAX_SETTINGS_BYTES = 64 << 10;
/** Of a call. */
export const MAX_MESSAGES = 16;
export const MAX_MESSAGE_BYTES = 1024;
/** Of an import call. */
export const MAX_RANDOM_BYTES = 4096;
