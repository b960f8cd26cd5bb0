// The errors of a host. After each of them, nothing has changed.

/** A file can't be used as a plugin. */
export class LoadError extends Error {
  name = "LoadError";
}

/** Settings are refused, by their size, their form, the plugin's schema, or the plugin. */
export class SettingsError extends Error {
  name = "SettingsError";

  constructor(message, faults = []) {
    const listed = faults.map((it) => (it.field === "" ? it.message : `${it.field}: ${it.message}`)).join("; ");
    super(listed === "" ? message : `${message}: ${listed}`);
    this.faults = faults;
  }
}

/** A plugin failed during a call: it trapped, broke a limit, or broke an invariant of the contract. */
export class PluginError extends Error {
  name = "PluginError";

  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** The store has no such device. */
export class UnknownDevice extends Error {
  name = "UnknownDevice";
}

/** The device has no such command. */
export class UnknownCommand extends Error {
  name = "UnknownCommand";
}

/** Other writers changed the device during each attempt: try again. */
export class Contended extends Error {
  name = "Contended";
}

/** A plugin broke an invariant of the contract. Callers see a `PluginError`. */
export class Violation extends Error {
  name = "Violation";
}
