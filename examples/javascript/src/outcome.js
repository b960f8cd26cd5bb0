// Rules 2, 6, 8 and 11: a command gets one outcome, and what that means for the override.

/** The outcome of a command whose time was over. */
export const EXPIRED = failed({ tag: "expired" });

/** The outcome of a command that another one replaced. */
export function supersededBy(id) {
  return failed({ tag: "superseded", val: id });
}

/** The outcome of a command by the report of its device. */
export function reported(outcome) {
  return outcome.tag === "success" ? outcome : failed({ tag: "device", val: outcome.val });
}

/**
 * What to make of a report: the first outcome completes the command, the same again changes nothing,
 * and another one comes too late.
 */
export function reportEffect(command, outcome) {
  if (command.status.tag === "pending") {
    return "completed";
  }
  const isKnown = isSame(command.status, reported(outcome))
    || (command.lateOutcome && isSame(command.lateOutcome, outcome));
  return isKnown ? "repeated" : "late";
}

/** Whether two variants are the same: a completed status has the shape of its outcome. */
function isSame(one, other) {
  if (one?.tag === undefined) {
    return one === other;
  }
  return one.tag === other?.tag && isSame(one.val, other.val);
}

/**
 * Rules 6 and 8: the success of a reset begins the override, that of a remove ends it, and a failure
 * changes nothing; also when the report comes late, because the device's real state wins.
 */
export function overrideChange(action, outcome) {
  if (outcome.tag !== "success") {
    return "none";
  }
  return action === "reset" ? "begins" : "ends";
}

/** The outcome of a pending command that an admin takes back. */
export function cancel(command) {
  checkPending(command);
  return failed({ tag: "cancelled" });
}

/** The outcome of a pending command whose expiry the clock has passed. */
export function expire(command, now) {
  checkPending(command);
  if (!isOver(command, now)) {
    throw { tag: "not-expired", val: command.id };
  }
  return EXPIRED;
}

/** Whether the time of a command is over. One without an expiry has no end. */
export function isOver(command, now) {
  return command.expiresAt !== undefined && command.expiresAt <= now;
}

function checkPending(command) {
  if (command.status.tag !== "pending") {
    throw { tag: "not-pending", val: command.id };
  }
}

/** @returns {import("mdm:password/types@1.0.0").Outcome} */
function failed(failure) {
  return { tag: "failed", val: failure };
}
