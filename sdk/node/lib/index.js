// The host of mdm:password plugins, for platforms in JavaScript.

export { applyEffects } from "./effects.js";
export { Contended, LoadError, PluginError, SettingsError, UnknownCommand, UnknownDevice } from "./errors.js";
export { DEFAULT_DEPLOYMENT, Host } from "./host.js";
export { DEFAULT_LIMITS } from "./limits.js";
export { escaped } from "./messages.js";
export { Plugin } from "./plugin.js";
export { generateKey, openSealed, seal } from "./sealing.js";
