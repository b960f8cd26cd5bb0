// Rules 1, 3, 7, 10 and 11: whether a reset or a remove is accepted, and what it sends.
//
// A `situation` is what is known when an admin asks: `device`, `pending`, `passwordRule`, and `now` in
// milliseconds. A refusal is thrown.

import { isOver } from "./outcome.js";
import { checkOwnRule } from "./own-rule.js";
import { checkPassword } from "./password.js";
import { removeOffered } from "./policy.js";
import { checkAgent } from "./version.js";

/** The contract's calendar ends where the year 9999 begins. */
const END_OF_CALENDAR = 253_370_764_800_000;

const NO_OPTIONS = { lockNow: false, requireEntry: false, noCredentialsOnBoot: false };

/** Decides on a reset. Without a password it is judged for one that meets the rule. */
export function reset(situation, password, options, terms) {
  checkAgent(situation.device.agentVersion);
  if (password) {
    checkPassword(situation.passwordRule, password);
  }
  const sending = sendingOf(situation, "reset", options, terms);
  checkOwnRule(situation);
  return sending;
}

/** Decides on a remove. */
export function remove(situation, terms) {
  checkAgent(situation.device.agentVersion);
  if (!removeOffered(situation.device)) {
    throw { tag: "nothing-to-remove" };
  }
  return sendingOf(situation, "remove", NO_OPTIONS, terms);
}

/** What an accepted request sends, and which pending command ends thereby. */
function sendingOf({ pending, now }, action, options, terms) {
  return {
    ends: makingWay(pending, now, terms.replaces),
    command: { action, options, expiresAt: expiry(now, terms.validFor) },
  };
}

/** Rule 11: one command in flight, unless the new one names it as the one that it replaces. */
function makingWay(pending, now, replaces) {
  if (!pending) {
    if (replaces !== undefined) {
      throw { tag: "not-pending", val: replaces };
    }
    return undefined;
  }
  const isExpired = isOver(pending, now);
  const mayEnd = replaces === undefined ? isExpired : replaces === pending.id;
  if (!mayEnd) {
    throw { tag: "conflict", val: pending.id };
  }
  return { id: pending.id, isExpired };
}

/** A Number holds every time of the calendar exactly, and tells that a larger one lies beyond. */
function expiry(now, validFor) {
  if (validFor === undefined) {
    return undefined;
  }
  const end = now + Number(validFor) * 1000;
  if (end <= now || end >= END_OF_CALENDAR) {
    throw { tag: "bad-validity" };
  }
  return end;
}
