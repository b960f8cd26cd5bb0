// One call of a plugin: what its imports give and take.

import zxcvbn from "zxcvbn";
import { CallEffects } from "./effects.js";
import { Violation } from "./errors.js";
import { wasi } from "./grants.js";
import { bounded } from "./messages.js";
import { measured } from "./metrics.js";
import { milliseconds } from "./times.js";
import { fromJson, toJson } from "./values.js";

/** A password of the host. The plugin gets a handle to it, and no way to read it. */
export class Secret {
  #password;

  constructor(password) {
    this.#password = password;
  }

  guessability() {
    return zxcvbn(this.#password).score;
  }
}

/**
 * The imports of one call, and its effects. `context` is absent for `describe` and `check-settings`, whose imports of
 * situation, settings and effects trap.
 */
export function importsOf(name, context, passOn) {
  let failure;
  const effects = context && new CallEffects(name, context.situation, context.subject);
  const noted = (run) => (...values) => {
    try {
      if (context === undefined) {
        throw new Violation("it called an import that needs a device in a call without one");
      }
      return run(...values);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const { password } = context ?? {};
  const situation = () => {
    const metrics = password === null ? undefined : measured(password);
    return { ...fromJson(context.situation), password: metrics };
  };
  const now = () => (context === undefined ? Date.now() : milliseconds(context.situation.now));
  const imports = {
    "mdm:password/device-store": {
      getSituation: noted(situation),
      complete: noted((command, outcome) => effects.complete(command, toJson(outcome))),
      keepLateOutcome: noted((command, outcome) => effects.keepLateOutcome(command, toJson(outcome))),
      setPolicyOverride: noted((command) => effects.setPolicyOverride(command ?? null)),
    },
    "mdm:password/secrets": { Secret },
    "mdm:password/settings": { get: noted(() => context.settings) },
    "mdm:password/logging": { log: bounded(passOn) },
    "mdm:password/transport": {
      send: noted((command, secret) => effects.send(toJson(command), secret !== undefined)),
    },
    ...wasi(now),
  };
  return { imports, effects, failure: () => failure };
}
