// Rules 6 to 8: when a policy is enforced, what there is to remove, and whether a password meets a
// policy (by Android's `DevicePolicyManager.setPasswordQuality` and `setRequiredPasswordComplexity`).

/** Digits in a row that are a sequence too long for `numeric-complex` and for a PIN of a complexity. */
const MAX_SEQUENCE = 3;

/**
 * Rule 6: from the success of a reset until that of a remove, the policy is overridden.
 *
 * @returns {import("mdm:password/types@1.0.0").PolicyState}
 */
export function policyState(device) {
  if (device.policyOverride) {
    return { tag: "overridden", val: device.policyOverride };
  }
  return { tag: device.policy ? "enforced" : "none" };
}

/** Rule 7: a remove is offered if the password was set from the dashboard, or a policy was applied. */
export function removeOffered(device) {
  return Boolean(device.policyOverride || device.policy);
}

/** Whether the policy asks for a password at all. */
export function asksForPassword({ requirement }) {
  return requirement.val !== "unspecified" && requirement.val !== "none";
}

/** Whether a password meets the policy. */
export function isMet({ requirement, minimumLength }, password) {
  return requirement.tag === "quality"
    ? isOfQuality(requirement.val, minimumLength, password)
    : isOfComplexity(requirement.val, password);
}

function isOfQuality(quality, minimumLength, password) {
  const hasLetter = password.lowerCase + password.upperCase > 0;
  const hasDigit = password.digits > 0;
  // Android counts each character except a–z, A–Z and 0–9 as a symbol.
  const hasSymbol = password.symbols + password.others > 0;
  const isLongEnough = password.length >= Math.max(minimumLength, 1);
  switch (quality) {
    case "unspecified":
      return true;
    case "something":
      return password.length >= 1;
    case "numeric":
      return isLongEnough;
    case "numeric-complex":
      return isLongEnough && !isSequence(password);
    case "alphabetic":
      return isLongEnough && hasLetter;
    case "alphanumeric":
      return isLongEnough && hasLetter && hasDigit;
    case "complex":
      return isLongEnough && hasLetter && hasDigit && hasSymbol;
  }
}

function isOfComplexity(complexity, password) {
  switch (complexity) {
    case "none":
      return true;
    case "low":
      return password.length >= 1;
    case "medium":
      return password.length >= 4 && !isSequence(password);
    case "high":
      return password.length >= (isPin(password) ? 8 : 6) && !isSequence(password);
  }
}

function isPin(password) {
  return password.length > 0 && password.digits === password.length;
}

function isSequence(password) {
  return isPin(password) && password.longestSequence > MAX_SEQUENCE;
}
