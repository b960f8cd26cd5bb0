// Rules 4, 10 and 12: what a reset or a remove would come to, and what the admin should know and do.

import { answer } from "./answer.js";
import { effectiveRule, strongest } from "./password.js";
import { remove, reset } from "./request.js";

/**
 * Previews what a request would come to.
 *
 * @returns {import("mdm:password/types@1.0.0").DevicePreview}
 */
export function preview(situation, action, request) {
  const refusal = refusalOf(situation, action, request);
  const verdict = refusal ? { tag: "would-be-refused", val: refusal } : verdictOn(situation, action);
  return {
    verdict,
    remedy: remedyFor(situation.device, action, verdict),
    notes: notesOn(situation, action, request, verdict),
  };
}

function refusalOf(situation, action, request) {
  try {
    if (action === "reset") {
      reset(situation, request);
    } else {
      remove(situation, request);
    }
  } catch (refusal) {
    // An error of the program is no refusal.
    if (refusal instanceof Error) {
      throw refusal;
    }
    return refusal;
  }
}

function verdictOn(situation, action) {
  const { device, online, password } = situation;
  const verdict = answer(device, action, password ?? strongest(effectiveRule(situation)));
  return verdict.tag === "will-succeed" && !online
    ? { tag: "will-wait", val: deviceAway(device) }
    : verdict;
}

/** A wait and a note alike. */
function deviceAway(device) {
  return { tag: "device-offline", val: device.lastSync };
}

function remedyFor(device, action, verdict) {
  switch (verdict.tag) {
    case "will-succeed":
      return undefined;
    case "will-wait":
      return verdict.val.tag === "device-offline" ? "connect-device" : "user-unlocks-once";
    case "would-be-refused":
      return remedyForRefusal(verdict.val);
    case "will-fail":
      return remedyForFailure(device, action, verdict.val);
  }
}

function remedyForRefusal(refusal) {
  switch (refusal.tag) {
    case "agent-too-old":
      return "update-agent";
    case "password-refused":
      return "other-password";
    case "conflict":
      return "resolve-pending";
    default:
      return undefined;
  }
}

function remedyForFailure(device, action, failure) {
  switch (failure.tag) {
    case "existing-password":
      return "user-removes-password";
    case "may-not-clear":
      return device.managementMode === "profile-owner" ? "user-removes-password" : "enroll-again";
    case "not-supported":
    case "token-unsupported":
      return "enroll-again";
    case "user-locked":
      return "user-unlocks-once";
    case "token-not-active":
      return device.condition.token === "unconfirmed" ? "user-unlocks-once" : "provision-token";
    case "token-invalid":
      return "provision-token";
    case "policy-violation":
      return action === "reset" ? "stronger-password" : "other-admin-lifts-policy";
    case "other-admin-entry-pending":
      return "user-enters-other-password";
    case "password-not-accepted":
      return "other-password";
    default:
      return undefined;
  }
}

function notesOn({ device, capabilities, online }, action, { options, validFor }, verdict) {
  const notes = [];
  if (device.managementMode !== "device-owner" || device.apiLevel < 24) {
    notes.push({ tag: "best-effort" });
  }
  if (device.managementMode === "profile-owner" && device.managedProfile) {
    notes.push({ tag: "work-profile-only" });
  }
  if (device.policy) {
    notes.push({ tag: action === "reset" ? "overrides-policy" : "policy-enforced-again" });
  }
  if (device.condition.otherAdminPolicy) {
    notes.push({ tag: "other-admin-policy", val: device.condition.otherAdminPolicy });
  }
  if (action === "reset") {
    notes.push(...missingOptions(device, capabilities.options, options));
  }
  if (validFor !== undefined && !capabilities.expiry) {
    notes.push({ tag: "no-expiry" });
  }
  const isTold = verdict.tag === "will-wait" && verdict.val.tag === "device-offline";
  if (!online && !isTold) {
    notes.push(deviceAway(device));
  }
  return notes;
}

/**
 * Rule 10: the options that were asked for and can't be had. `lockNow` and "require entry" are as old
 * as device administration; "don't ask credentials on boot" came with API 23, for device owners.
 */
function missingOptions(device, available, options) {
  const bootsWithout = device.managementMode === "device-owner" && device.apiLevel >= 23;
  const notes = [];
  if (options.lockNow && !available.lockNow) {
    notes.push({ tag: "no-lock-now" });
  }
  if (options.requireEntry && !available.requireEntry) {
    notes.push({ tag: "no-require-entry" });
  }
  if (options.noCredentialsOnBoot && !(available.noCredentialsOnBoot && bootsWithout)) {
    notes.push({ tag: "no-credentials-option" });
  }
  return notes;
}
