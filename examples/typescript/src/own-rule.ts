/*
 * THE OWN RULE: the place for you to change.
 *
 * All other files do what the contract requires. What this one adds is the plugin's choice: devices in
 * one group are reset only between certain hours, UTC. The group and the hours are settings.
 */

import type { Description, SettingsFault } from "mdm:password/plugin@1.0.0";
import { get as getSettings } from "mdm:password/settings@1.0.0";
import type { Device, Refusal } from "mdm:password/types@1.0.0";

const MILLISECONDS_PER_HOUR = 3_600_000;

/** The settings, as an operator writes them. */
interface Settings {
  group: string;
  "first-hour": number;
  "end-hour": number;
}

const DEFAULT_SETTINGS: Settings = { group: "kiosk", "first-hour": 6, "end-hour": 22 };

const SCHEMA = {
  type: "object",
  properties: {
    group: { type: "string", minLength: 1, maxLength: 64, description: "The group of devices" },
    "first-hour": { type: "integer", minimum: 0, maximum: 23, description: "Resets begin at this hour, UTC" },
    "end-hour": { type: "integer", minimum: 1, maximum: 24, description: "Resets end at this hour, UTC" },
  },
  additionalProperties: false,
};

/** The description of the plugin. */
export function description(): Description {
  return {
    name: "kiosk-plugin",
    version: "1.0.0",
    summary: "Devices of a group are reset only during the day.",
    settingsSchema: JSON.stringify(SCHEMA),
    defaultSettings: JSON.stringify(DEFAULT_SETTINGS),
  };
}

/** The faults of settings beyond the schema. */
export function settingsFaults(text: string): SettingsFault[] {
  const settings = read(text);
  return settings["first-hour"] < settings["end-hour"]
    ? []
    : [{ field: "/end-hour", message: "the end must be after the first hour" }];
}

/**
 * Refuses a reset by throwing a refusal, or returns if the rule has nothing against it. It is asked
 * last, once the contract has nothing against the reset either, and for a preview as for a reset.
 * `now` is in milliseconds.
 */
export function checkOwnRule({ device, now }: { device: Device; now: number }): void {
  const settings = read(getSettings());
  if (!device.groups.includes(settings.group)) {
    return;
  }
  const hour = Math.floor(now / MILLISECONDS_PER_HOUR) % 24;
  if (hour < settings["first-hour"] || hour >= settings["end-hour"]) {
    const [from, to] = [clock(settings["first-hour"]), clock(settings["end-hour"])];
    const refusal: Refusal = {
      tag: "other",
      val: `devices in ${settings.group} are reset between ${from} and ${to} UTC`,
    };
    throw refusal;
  }
}

/** The schema has been checked, and fields that are not set have their default. */
function read(text: string): Settings {
  return { ...DEFAULT_SETTINGS, ...(JSON.parse(text) as Partial<Settings>) };
}

function clock(hour: number): string {
  return `${String(hour).padStart(2, "0")}:00`;
}
