// The imports of the contract over one situation. What a call changes is kept as a list of effects: a real
// host would commit them once the call has returned ok.

import zxcvbn from "zxcvbn";
import { fromJson, toJson } from "./values.mjs";

/** The id that the cases give to the command that a call sends. */
const SENT = "0198c1de-0000-7000-8000-0000000000ff";

/** A password that the host holds. The plugin gets a handle to it, and no way to read it. */
class Secret {
  #password;

  constructor(password) {
    this.#password = password;
  }

  guessability() {
    return zxcvbn(this.#password).score;
  }
}

/** The metrics of a password. */
function measured(password) {
  const characters = [...password];
  const count = (pattern) => characters.filter((it) => pattern.test(it)).length;
  return {
    length: characters.length,
    digits: count(/[0-9]/),
    lowerCase: count(/[a-z]/),
    upperCase: count(/[A-Z]/),
    symbols: count(/[ -/:-@[-`{-~]/),
    others: count(/[^ -~]/),
    longestSequence: longestRun(characters, (step, before) => before === undefined || step === before),
    longestRepeat: longestRun(characters, (step) => step === 0),
    distinct: new Set(characters).size,
  };
}

/** The length of the longest run whose steps continue it, as Android measures steps. */
function longestRun(characters, continues) {
  let longest = Math.min(characters.length, 1);
  let run = 1;
  let before;
  for (let index = 1; index < characters.length; index += 1) {
    const step = stepBetween(characters[index - 1], characters[index]);
    if (step === undefined) {
      run = 1;
    } else if (continues(step, before)) {
      run += 1;
    } else {
      run = continues(step, undefined) ? 2 : 1;
    }
    before = step;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** The step between neighbours of one class: up to 10 for digits, 1 for letters, 0 for all else. */
function stepBetween(one, next) {
  const classes = [[/[0-9]/, 10], [/[a-z]/, 1], [/[A-Z]/, 1], [/[^]/u, 0]];
  const classOf = (it) => classes.find(([pattern]) => pattern.test(it));
  const step = next.codePointAt(0) - one.codePointAt(0);
  const isOneClass = classOf(one) === classOf(next);
  return isOneClass && Math.abs(step) <= classOf(one)[1] ? step : undefined;
}

/** What a plugin is given in a situation; and what it has done with it. */
export function hostFor(situation, hasSecret) {
  const effects = [];
  const note = (name, parameters) => effects.push({ [name]: toJson(parameters) });
  const { password: text, command: _, ...others } = situation;
  const password = hasSecret && text !== null ? measured(text) : undefined;
  const imports = {
    "mdm:password/device-store": {
      getSituation: () => ({ ...fromJson(others), password }),
      complete: (command, outcome) => note("complete", { command, outcome }),
      keepLateOutcome: (command, outcome) => note("keep-late-outcome", { command, outcome }),
      setPolicyOverride: (command) => note("set-policy-override", { command }),
    },
    "mdm:password/secrets": { Secret },
    "mdm:password/settings": { get: () => situation.settings },
    "mdm:password/logging": { log: (level, message) => console.error(`${level}: ${message}`) },
    "mdm:password/transport": {
      send(command, secret) {
        if ((command.action === "reset") !== (secret instanceof Secret)) {
          throw new Error(`a ${command.action} was sent ${secret ? "with" : "without"} a secret`);
        }
        note("send", command);
        return SENT;
      },
    },
  };
  return { imports, effects, secret: password && new Secret(text) };
}
