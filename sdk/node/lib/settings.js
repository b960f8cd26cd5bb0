// The settings of a plugin: a JSON object that only the plugin understands, and the JSON Schema of them.

import { Validator } from "@cfworker/json-schema";
import { LoadError, SettingsError } from "./errors.js";
import { MAX_SETTINGS_BYTES } from "./limits.js";

const MAX_FAULTS = 20;

/** The JSON Schema of a plugin's settings. It can't refer to other documents. */
export class SettingsSchema {
  #validator;

  constructor(text) {
    try {
      // It interprets the schema: the plugin's author is not trusted with code.
      this.#validator = new Validator(object(text), "2020-12", false);
    } catch (error) {
      throw new LoadError(`the schema of the plugin's settings: ${error.message}`);
    }
  }

  /** Checks that settings are a JSON object of at most 64 KiB that fits the schema. */
  check(settings) {
    const value = object(settings);
    let result;
    try {
      result = this.#validator.validate(value);
    } catch (error) {
      throw new SettingsError(`the plugin's schema can't be used: ${error.message}`);
    }
    if (!result.valid) {
      const faults = result.errors.map((it) => ({ field: it.instanceLocation.slice(1), message: it.error }));
      // A fault is repeated for each object around it.
      const deepest = faults.filter(({ field }) => !faults.some((it) => it.field.startsWith(`${field}/`)));
      throw new SettingsError("the settings don't fit the plugin's schema", deepest.slice(0, MAX_FAULTS));
    }
  }
}

function object(text) {
  const size = Buffer.byteLength(text);
  if (size > MAX_SETTINGS_BYTES) {
    throw new SettingsError(`the settings have ${size} bytes, and may have ${MAX_SETTINGS_BYTES}`);
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SettingsError(`the settings are not JSON: ${error.message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SettingsError("the settings are not a JSON object, such as {}");
  }
  return value;
}
