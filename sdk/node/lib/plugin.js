// A plugin: a component with its settings.

import { createHash } from "node:crypto";
import { LoadError, PluginError, SettingsError } from "./errors.js";
import { DEFAULT_LIMITS } from "./limits.js";
import { Sandbox } from "./sandbox.js";
import { SettingsSchema } from "./settings.js";

/** The number of messages that are kept of a plugin. */
const MAX_KEPT = 100;

/** The bounds of the texts that are shown to operators, in bytes. */
const BOUNDS = { name: 64, version: 64, summary: 1024 };

/** A component that fits the contract, with its settings. */
export class Plugin {
  #sandbox;
  #messages = [];

  /** For `Plugin.load` and `withSettings`. */
  constructor(sandbox, digest, description, settings) {
    this.#sandbox = sandbox;
    this.digest = digest;
    this.description = description;
    this.settings = settings;
  }

  static async load(component, { settings, limits } = {}) {
    const sandbox = await Sandbox.make(component, { ...DEFAULT_LIMITS, ...limits });
    const digest = createHash("sha256").update(component).digest("hex");
    try {
      const description = await described(sandbox);
      const plugin = new Plugin(sandbox, digest, description, description.default_settings);
      return settings === undefined ? plugin : await plugin.withSettings(settings);
    } catch (error) {
      await sandbox.close();
      throw error;
    }
  }

  async withSettings(settings) {
    new SettingsSchema(this.description.settings_schema).check(settings);
    let checked;
    try {
      const call = { target: "plugin", name: "check-settings", parameters: { settings } };
      checked = (await this.#sandbox.run(call, () => {})).returned;
    } catch (error) {
      throw error instanceof PluginError
        ? new SettingsError(`the plugin could not check the settings: ${error.message}`)
        : error;
    }
    if ("err" in checked) {
      throw new SettingsError("the plugin refuses the settings", checked.err);
    }
    return new Plugin(this.#sandbox, this.digest, this.description, settings);
  }

  get messages() {
    return [...this.#messages];
  }

  async call(name, situation, parameters = {}, { subject = null, password = null } = {}) {
    const context = { situation, subject, password, settings: this.settings };
    const keep = ({ level, text }) => {
      const message = { level, text, function: name, device: situation.device.id, command: subject?.id ?? null };
      this.#messages = [...this.#messages, message].slice(-MAX_KEPT);
    };
    return this.#sandbox.run({ target: "password", name, parameters, context }, keep);
  }

  async close() {
    await this.#sandbox.close();
  }
}

/** The description of a plugin, checked as the contract bounds it. */
async function described(sandbox) {
  let description;
  try {
    const call = { target: "plugin", name: "describe", parameters: {} };
    description = (await sandbox.run(call, () => {})).returned;
  } catch (error) {
    throw error instanceof PluginError ? new LoadError(`the plugin can't describe itself: ${error.message}`) : error;
  }
  for (const [field, longest] of Object.entries(BOUNDS)) {
    const text = description[field];
    const isBounded = text.trim() !== "" && Buffer.byteLength(text) <= longest;
    if (!isBounded || /\p{Cc}/u.test(text)) {
      const shown = JSON.stringify(text.slice(0, 80));
      throw new LoadError(
        `the ${field} of the plugin must have 1 to ${longest} bytes, without control characters: ${shown}`,
      );
    }
  }
  try {
    new SettingsSchema(description.settings_schema).check(description.default_settings);
  } catch (error) {
    throw error instanceof SettingsError ? new LoadError(`the plugin's default settings: ${error.message}`) : error;
  }
  return description;
}
