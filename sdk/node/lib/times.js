// Times: milliseconds since 1970 in the contract, RFC 3339 in JSON.

import { Violation } from "./errors.js";

/** The contract's calendar ends where the year 9999 begins. */
export const END_OF_CALENDAR = 253_370_764_800_000;

/** Reads RFC 3339. */
export function milliseconds(text) {
  return Date.parse(text);
}

/** Writes RFC 3339 in UTC, with milliseconds if there are any. */
export function rfc3339(time) {
  if (time >= END_OF_CALENDAR) {
    throw new Violation(`it gave the time ${time} ms, which is past the calendar's end`);
  }
  return new Date(Number(time)).toISOString().replace(".000Z", "Z");
}
