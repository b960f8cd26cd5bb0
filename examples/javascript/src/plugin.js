// The exports: each reads the situation, and carries out what its rule decides.
//
// How the contract looks in JavaScript: names are in camelCase, an enum is a string, flags are an object of
// booleans, a variant is `{ tag, val }`, no value of an option is `undefined`, 64 bits are a BigInt (a Number
// may be returned), and a refusal is thrown. An Error that is thrown ends the call as a trap: it is logged
// here, because a trap has no message.

import { complete, getSituation, keepLateOutcome, setPolicyOverride } from "mdm:password/device-store@1.0.0";
import { log } from "mdm:password/logging@1.0.0";
import { send } from "mdm:password/transport@1.0.0";
import { EXPIRED, cancel, expire, overrideChange, reportEffect, reported, supersededBy } from "./outcome.js";
import { description, settingsFaults } from "./own-rule.js";
import { effectiveRule } from "./password.js";
import { preview } from "./preview.js";
import { policyState, removeOffered } from "./policy.js";
import { remove, reset } from "./request.js";

/** The interface `plugin` of the contract. */
export const plugin = {
  describe: description,

  checkSettings(settings) {
    const faults = faultsOf(settings);
    if (faults.length > 0) {
      throw faults;
    }
  },
};

/** The interface `password` of the contract. */
export const password = logged({
  reset(secret, request) {
    return carryOut(reset(situation(), request), secret);
  },

  remove(request) {
    return carryOut(remove(situation(), request));
  },

  preview(action, _secret, request) {
    return preview(situation(), action, request);
  },

  status() {
    const { device, latest, ...others } = situation();
    return {
      latest,
      policyState: policyState(device),
      removeOffered: removeOffered(device),
      passwordRule: effectiveRule(others),
    };
  },

  policyOverride() {
    return policyState(situation().device);
  },

  report(command, outcome) {
    const effect = reportEffect(command, outcome);
    switch (effect) {
      case "completed":
        complete(command.id, reported(outcome));
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
    complete(command.id, expire(command, situation().now));
  },
});

/** The faults of settings. An Error is one of them: if it were thrown, it would be a refusal without a fault. */
function faultsOf(settings) {
  try {
    return settingsFaults(settings);
  } catch (error) {
    return [{ field: "", message: String(error) }];
  }
}

/** The situation, with its time as a Number: every time in the calendar fits into one. */
function situation() {
  const { now, ...others } = getSituation();
  return { ...others, now: Number(now) };
}

/** Carries an accepted request out. */
function carryOut({ command, ends }, secret) {
  const id = send(command, secret);
  if (ends) {
    complete(ends.id, ends.isExpired ? EXPIRED : supersededBy(id));
  }
  return id;
}

/** The same functions; each logs an Error before it ends the call. A refusal is no Error. */
function logged(functions) {
  const withLog = ([name, run]) => {
    const logging = (...parameters) => {
      try {
        return run(...parameters);
      } catch (error) {
        if (error instanceof Error) {
          log("error", `${name}: ${error}\n${error.stack}`);
        }
        throw error;
      }
    };
    return [name, logging];
  };
  return Object.fromEntries(Object.entries(functions).map(withLog));
}
