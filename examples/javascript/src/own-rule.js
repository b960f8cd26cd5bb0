/*
 * THE OWN RULE: the place for you to change.
 *
 * All other files do what the contract requires. What this one adds is the plugin's choice: devices in
 * the group `kiosk` are reset only between 06:00 and 22:00 UTC.
 */

const GROUP = "kiosk";
const FIRST_HOUR = 6;
const END_HOUR = 22;
const MILLISECONDS_PER_HOUR = 3_600_000;

/**
 * Refuses a reset by throwing a refusal, or returns if the rule has nothing against it. It is asked
 * last, once the contract has nothing against the reset either, and for a preview as for a reset.
 *
 * @param situation what is known: `device`, `pending`, `passwordRule`, and `now` in milliseconds
 */
export function checkOwnRule({ device, now }) {
  if (!device.groups.includes(GROUP)) {
    return;
  }
  const hour = Math.floor(now / MILLISECONDS_PER_HOUR) % 24;
  if (hour < FIRST_HOUR || hour >= END_HOUR) {
    throw { tag: "other", val: "kiosks are reset between 06:00 and 22:00 UTC" };
  }
}
