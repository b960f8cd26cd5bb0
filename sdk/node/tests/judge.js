// Whether what came back is what the contract requires.

import { isDeepStrictEqual } from "node:util";
import { isObject } from "./case.js";

/** Whether a call did what is expected of it: one of several things, if they are a list. */
export function isAsExpected(expect, answer) {
  return [expect].flat().some((one) => isThis(one, answer));
}

/** The contract's calendar ends where the year 9999 begins. */
const END_OF_CALENDAR = 253_370_764_800_000;

/** Whether whatever is sent expires later than now and within the calendar, or not at all. */
export function expiresInTime(effects, now) {
  const ends = effects.map(({ send }) => send?.expires_at).filter((end) => end != null);
  return ends.map(Date.parse).every((end) => end > Date.parse(now) && end < END_OF_CALENDAR);
}

function isThis(expect, { returns, effects }) {
  const without = expect.without_notes ?? [];
  return (
    matches(expect.returns, returns)
    && unmatched(expect.effects ?? [], effects)?.length === 0
    && !without.some((note) => returns.notes.some((it) => isDeepStrictEqual(it, note)))
  );
}

/**
 * An object has every field, with more allowed; a list a match for every element, with more allowed. Options are
 * equal.
 */
function matches(expected, found) {
  if (isObject(expected)) {
    const isMatch = ([name, it]) =>
      name in found && (name === "options" ? isDeepStrictEqual(it, found[name]) : matches(it, found[name]));
    return isObject(found) && Object.entries(expected).every(isMatch);
  }
  if (Array.isArray(expected)) {
    return Array.isArray(found) && unmatched(expected, found) !== undefined;
  }
  return expected === found;
}

/** What is found beyond what is expected; undefined if something expected is missing. */
function unmatched(expected, found) {
  const left = [...found];
  for (const pattern of expected) {
    const place = left.findIndex((it) => matches(pattern, it));
    if (place < 0) {
      return undefined;
    }
    left.splice(place, 1);
  }
  return left;
}
