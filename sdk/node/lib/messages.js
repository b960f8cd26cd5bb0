// The messages that a plugin writes by the import `logging`.

import { MAX_MESSAGE_BYTES, MAX_MESSAGES } from "./limits.js";

/** A function that passes on the messages of a call, cut, and no more than a call may have. */
export function bounded(passOn) {
  let count = 0;
  return (level, text) => {
    count += 1;
    if (count <= MAX_MESSAGES) {
      passOn({ level, text: cut(text) });
    }
  };
}

/** A text on one line, for a log or a terminal: control and invisible characters are written as `\u{1b}`. */
export function escaped(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (it) => `\\u{${it.codePointAt(0).toString(16)}}`);
}

function cut(text) {
  const bytes = new TextEncoder().encodeInto(text, new Uint8Array(MAX_MESSAGE_BYTES));
  return text.slice(0, bytes.read);
}
