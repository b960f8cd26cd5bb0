// Rules 4, 10 and 12: what a reset or a remove would come to, and what the admin should know and do.
//
// `channel` is the channel to the device as it is now (`capabilities`, `online`); `wanted` is what the admin
// has in mind (`action`, `options`, and the `password` of a reset if it is known already).

import { answer } from "./answer.js";
import { strongest } from "./password.js";
import { remove, reset } from "./request.js";

/** Previews what it would come to. */
export function preview(situation, channel, wanted, terms) {
  const { device } = situation;
  const refusal = refusalOf(situation, wanted, terms);
  const verdict = refusal
    ? { tag: "would-be-refused", val: refusal }
    : verdictOn(situation, channel, wanted);
  return {
    verdict,
    remedy: remedyFor(device, wanted, verdict),
    notes: notesOn(device, channel, wanted, terms, verdict),
  };
}

function refusalOf(situation, { action, password, options }, terms) {
  try {
    if (action === "reset") {
      reset(situation, password, options, terms);
    } else {
      remove(situation, terms);
    }
  } catch (refusal) {
    // An error of the program is no refusal.
    if (refusal instanceof Error) {
      throw refusal;
    }
    return refusal;
  }
}

function verdictOn({ device, passwordRule }, channel, { action, password }) {
  const verdict = answer(device, action, password ?? strongest(passwordRule));
  return verdict.tag === "will-succeed" && !channel.online
    ? { tag: "will-wait", val: deviceAway(device) }
    : verdict;
}

/** A wait and a note alike. */
function deviceAway(device) {
  return { tag: "device-offline", val: device.lastSync };
}

function remedyFor(device, { action }, verdict) {
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
      return "none";
  }
}

function remedyForFailure(device, action, failure) {
  switch (failure.tag) {
    case "existing-password":
      return "user-removes-password";
    case "may-not-clear":
      return device.managementMode === "profile-owner" ? "user-removes-password" : "enroll-again";
    case "not-supported":
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
    default:
      return "none";
  }
}

function notesOn(device, channel, { action, options }, terms, verdict) {
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
    notes.push(...missingOptions(device, channel.capabilities, options));
  }
  if (terms.validFor !== undefined && !channel.capabilities.expiry) {
    notes.push({ tag: "no-expiry" });
  }
  const isTold = verdict.tag === "will-wait" && verdict.val.tag === "device-offline";
  if (!channel.online && !isTold) {
    notes.push(deviceAway(device));
  }
  return notes;
}

/**
 * Rule 10: the options that were asked for and can't be had. `lockNow` and "require entry" are as old
 * as device administration; "don't ask credentials on boot" came with API 23, for device owners.
 */
function missingOptions(device, capabilities, options) {
  const bootsWithout = device.managementMode === "device-owner" && device.apiLevel >= 23;
  const notes = [];
  if (options.lockNow && !capabilities.lockNow) {
    notes.push({ tag: "no-lock-now" });
  }
  if (options.requireEntry && !capabilities.requireEntry) {
    notes.push({ tag: "no-require-entry" });
  }
  if (options.noCredentialsOnBoot && !(capabilities.noCredentialsOnBoot && bootsWithout)) {
    notes.push({ tag: "no-credentials-option" });
  }
  return notes;
}
