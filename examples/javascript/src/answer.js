// How a device answers a command, by API level and management mode. Sources: Android's
// `DevicePolicyManager` reference (`resetPassword`, `resetPasswordWithToken`,
// `setResetPasswordToken`), AOSP's `DevicePolicyManagerService`, and the CTS device policy tests.
//
// The device's own policy plays no part: the agent lifts it before it sets a password.

import { asksForPassword, isMet } from "./policy.js";

/** The verdict on a reset to this password, or on a remove, if the device is online. */
export function answer(device, action, password) {
  const obstacle = obstacleTo(device, action);
  if (obstacle) {
    return obstacle;
  }
  return violatesPolicy(device, action, password) ? willFail("policy-violation") : { tag: "will-succeed" };
}

/** What stands in the way of any password. */
function obstacleTo(device, action) {
  const { apiLevel, condition, managementMode } = device;
  if (!condition.secureLockScreen) {
    return willFail("no-secure-lock-screen");
  }
  if (apiLevel < 24) {
    return undefined;
  }
  if (managementMode === "device-admin") {
    return deviceAdminObstacle(device, action);
  }
  return apiLevel < 26 ? userObstacle(device, action) : tokenObstacle(condition);
}

/** Android 7.0 and later: a device admin sets a first password; Android 11 and later: nothing. */
function deviceAdminObstacle({ apiLevel, condition }, action) {
  if (apiLevel >= 30) {
    return willFail("not-supported");
  }
  if (action === "remove") {
    return willFail("may-not-clear");
  }
  return condition.passwordSet ? willFail("existing-password") : undefined;
}

/** Android 7.0 and 7.1: the user has to be unlocked, and a managed profile keeps a password. */
function userObstacle({ condition, managedProfile }, action) {
  if (!condition.unlockedSinceBoot) {
    return willFail("user-locked");
  }
  return managedProfile && action === "remove" ? willFail("may-not-clear") : undefined;
}

/** Android 8.0 and later: a password changes only by way of the reset token. */
function tokenObstacle(condition) {
  if (condition.otherAdminEntryPending) {
    return willFail("other-admin-entry-pending");
  }
  switch (condition.token) {
    case "missing":
    case "unconfirmed":
      return willFail("token-not-active");
    case "invalid":
      return willFail("token-invalid");
    case "unsupported":
      return willFail("token-unsupported");
    case "active":
      return condition.unlockedSinceBoot || condition.directBootAware
        ? undefined
        : { tag: "will-wait", val: { tag: "user-must-unlock" } };
  }
}

/** Only another admin's policy can be violated: the agent can't lift it. */
function violatesPolicy({ condition }, action, password) {
  const policy = condition.otherAdminPolicy;
  if (!policy) {
    return false;
  }
  return action === "reset" ? !isMet(policy, password) : asksForPassword(policy);
}

function willFail(failure) {
  return { tag: "will-fail", val: { tag: failure } };
}
