// The exports: each asks the imports for what its rule needs, and carries out what the rule decides.
//
// How the contract looks in JavaScript: names are in camelCase, an enum is a string, a variant is
// `{ tag, val }`, no value of an option is `undefined`, 64 bits are a BigInt (a Number may be returned),
// and a refusal is thrown. An Error that is thrown ends the call as a trap.

import { now as clockNow } from "mdm:password/clock@1.0.0";
import {
  getDevice, getLatest, getPasswordRule, getPending, keepLateOutcome, setPolicyOverride, complete,
} from "mdm:password/device-store@1.0.0";
import { getCapabilities, isOnline, send } from "mdm:password/transport@1.0.0";
import { EXPIRED, cancel, expire, overrideChange, reportEffect, supersededBy } from "./outcome.js";
import { preview } from "./preview.js";
import { policyState, removeOffered } from "./policy.js";
import { remove, reset } from "./request.js";

/** The interface `password` of the contract. */
export const password = {
  reset(secret, options, terms) {
    return carryOut(reset(situation(), secret.metrics(), options, terms), secret);
  },

  remove(terms) {
    return carryOut(remove(situation(), terms));
  },

  preview(action, secret, options, terms) {
    const channel = { capabilities: getCapabilities(), online: isOnline() };
    const wanted = { action, password: secret?.metrics(), options };
    return preview(situation(), channel, wanted, terms);
  },

  status() {
    const device = getDevice();
    return {
      latest: getLatest(),
      policyState: policyState(device),
      removeOffered: removeOffered(device),
      passwordRule: getPasswordRule(),
    };
  },

  policyOverride() {
    return policyState(getDevice());
  },

  report(command, outcome) {
    const effect = reportEffect(command, outcome);
    switch (effect) {
      case "completed":
        complete(command.id, outcome);
        break;
      case "late":
        keepLateOutcome(command.id, outcome);
        break;
      case "repeated":
        return effect;
    }
    switch (overrideChange(command.action, outcome)) {
      case "begins":
        setPolicyOverride(command.id);
        break;
      case "ends":
        setPolicyOverride(undefined);
        break;
    }
    return effect;
  },

  cancel(command) {
    complete(command.id, cancel(command));
  },

  expire(command) {
    complete(command.id, expire(command, now()));
  },
};

/** What the imports tell of a request's situation. */
function situation() {
  return {
    device: getDevice(),
    pending: getPending(),
    passwordRule: getPasswordRule(),
    now: now(),
  };
}

/** The time of the call, in milliseconds: every time in the calendar fits into a Number. */
function now() {
  return Number(clockNow());
}

/** Carries an accepted request out. */
function carryOut({ command, ends }, secret) {
  const id = send(command, secret);
  if (ends) {
    complete(ends.id, ends.isExpired ? EXPIRED : supersededBy(id));
  }
  return id;
}
