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

  metrics() {
    const characters = [...this.#password];
    const count = (pattern) => characters.filter((it) => pattern.test(it)).length;
    return {
      length: characters.length,
      digits: count(/[0-9]/),
      lowerCase: count(/[a-z]/),
      upperCase: count(/[A-Z]/),
      symbols: count(/[ -/:-@[-`{-~]/),
      others: count(/[^ -~]/),
      longestSequence: longestSequence(characters.map((it) => it.codePointAt(0))),
    };
  }

  guessability() {
    return zxcvbn(this.#password).score;
  }
}

/** The length of the longest run of equal or evenly stepping characters: 4 for 1111, 1234 and 2468. */
function longestSequence(codes) {
  let longest = Math.min(codes.length, 1);
  let run = 1;
  for (let index = 1; index < codes.length; index += 1) {
    const step = codes[index] - codes[index - 1];
    const stepBefore = index > 1 ? codes[index - 1] - codes[index - 2] : undefined;
    run = step === stepBefore ? run + 1 : 2;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** What a plugin is given in a situation; and what it has done with it. */
export function hostFor(situation) {
  const effects = [];
  const note = (name, parameters) => effects.push({ [name]: toJson(parameters) });
  let pending = fromJson(situation.pending);
  const imports = {
    "mdm:password/clock": { now: () => fromJson(situation.now) },
    "mdm:password/device-store": {
      getDevice: () => fromJson(situation.device),
      getPending: () => pending,
      getLatest: () => fromJson(situation.latest),
      getPasswordRule: () => fromJson(situation.password_rule),
      complete(command, outcome) {
        if (command === pending?.id) {
          pending = undefined;
        }
        note("complete", { command, outcome });
      },
      keepLateOutcome: (command, outcome) => note("keep-late-outcome", { command, outcome }),
      setPolicyOverride: (command) => note("set-policy-override", { command }),
    },
    "mdm:password/secrets": { Secret },
    "mdm:password/transport": {
      getCapabilities: () => fromJson(situation.capabilities),
      isOnline: () => situation.online,
      send(command, secret) {
        if ((command.action === "reset") !== (secret instanceof Secret)) {
          throw new Error(`a ${command.action} was sent ${secret ? "with" : "without"} a secret`);
        }
        note("send", command);
        return SENT;
      },
    },
  };
  const secret = situation.password === null ? undefined : new Secret(situation.password);
  return { imports, effects, secret };
}
