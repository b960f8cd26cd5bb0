// Rules 1, 3, 7, 10 and 11: whether a reset or a remove is accepted, and what it sends.
//
// A `situation` is that of the contract, with `now` as a Number. A refusal is thrown.

import { isOver } from "./outcome.js";
import { checkOwnRule } from "./own-rule.js";
import { checkPassword, effectiveRule, strongest } from "./password.js";
import { removeOffered } from "./policy.js";
import { checkAgent } from "./version.js";

/** The contract's calendar ends where the year 9999 begins. */
const END_OF_CALENDAR = 253_370_764_800_000;

/** Decides on a reset. Without a password it is judged for the strongest that the rule allows. */
export function reset(situation, request) {
  checkAgent(situation);
  const rule = effectiveRule(situation);
  checkPassword(rule, situation.password ?? strongest(rule));
  const sending = sendingOf(situation, "reset", request.options, request);
  checkOwnRule(situation, request);
  return sending;
}

/** Decides on a remove. */
export function remove(situation, request) {
  checkAgent(situation);
  if (!removeOffered(situation.device)) {
    throw { tag: "nothing-to-remove" };
  }
  return sendingOf(situation, "remove", {}, request);
}

/** What an accepted request sends, and which pending command ends thereby. */
function sendingOf({ pending, now }, action, options, { replaces, validFor }) {
  return {
    ends: makingWay(pending, now, replaces),
    command: { action, options, expiresAt: expiry(now, validFor) },
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
