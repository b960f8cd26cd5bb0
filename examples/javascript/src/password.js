// Rule 1: what a password set from the dashboard has to be like.

/**
 * The effective rule: the deployment's, narrowed to the passwords that the device accepts. If both exclude each other,
 * its minimum is above its maximum.
 */
export function effectiveRule({ deployment: { passwordRule }, capabilities: { passwords } }) {
  const { characters, minimumLength, maximumLength } = passwordRule;
  const accepted = characters === "digits" ? passwords.minimumPinLength : passwords.minimumLength;
  return {
    characters,
    minimumLength: Math.max(minimumLength, accepted),
    maximumLength: Math.min(maximumLength, passwords.maximumLength),
  };
}

/** Refuses a password that breaks a rule, and names everything that is wrong with it. */
export function checkPassword(rule, password) {
  const faults = passwordFaults(rule, password);
  if (faults.length > 0) {
    throw { tag: "password-refused", val: faults };
  }
}

function passwordFaults(rule, password) {
  const faults = [];
  if (password.length < rule.minimumLength) {
    faults.push({ tag: "too-short", val: rule.minimumLength });
  }
  if (password.length > rule.maximumLength) {
    faults.push({ tag: "too-long", val: rule.maximumLength });
  }
  switch (rule.characters) {
    case "digits":
      if (password.digits < password.length) {
        faults.push({ tag: "not-only-digits" });
      }
      break;
    case "alphanumeric":
      if (password.lowerCase + password.upperCase === 0) {
        faults.push({ tag: "needs-letter" });
      }
      if (password.digits === 0) {
        faults.push({ tag: "needs-digit" });
      }
      break;
  }
  return faults;
}

/** The strongest password that a rule allows: what it can't meet, no password of the rule can. */
export function strongest(rule) {
  const length = rule.maximumLength;
  const oneEach = rule.characters === "alphanumeric" ? 1 : 0;
  return {
    length,
    digits: Math.max(length - 2 * oneEach, 0),
    lowerCase: oneEach,
    upperCase: 0,
    symbols: oneEach,
    others: 0,
    longestSequence: Math.min(length, 1),
    longestRepeat: Math.min(length, 1),
    distinct: length,
  };
}
