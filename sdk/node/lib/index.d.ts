/**
 * The host of `mdm:password` plugins, for platforms in JavaScript. A platform implements `DeviceStore` and `Transport`,
 * loads a `Plugin`, and builds a `Host`.
 */
import type {
  Action, Capabilities, Command, CommandId, Deployment, Device, DeviceOutcome, DevicePreview, DeviceStatus, Effect,
  PolicyState, ReportEffect, Request, Result, Situation, Timestamp,
} from "./contract.d.ts";

export type * from "./contract.d.ts";

/** A device as the platform has it at one moment. */
export interface DeviceState<Extra = unknown> {
  device: Device;
  pending?: Command | null;
  /** The latest command, which may be the pending one. */
  latest?: Command | null;
  /** The version of the device. It differs after every change of the device or of its commands. */
  version: number;
  /** Data of the store for the transport, such as the device's public key. */
  extra: Extra;
}

/** A decision, for the audit trail. */
export interface Decision {
  /** The contract's function. */
  function: string;
  /** The id of the command that was sent, or that the call was about. */
  command: CommandId;
  /** The SHA-256 digest of the plugin, in hex. */
  plugin: string;
}

/** The decision of a plugin: written as a whole, or not at all. */
export interface Commit<Extra = unknown> {
  /** The device at the time of the decision. If its version has changed since, nothing is written. */
  before: DeviceState<Extra>;
  /** The time of the decision. */
  at: Timestamp;
  /** In order. May be empty. */
  effects: Effect[];
  /** The result of `Transport.seal`, if a command is sent. */
  sealed?: Uint8Array;
  decision: Decision;
}

/**
 * The devices of a platform, and their commands. Any database with compare-and-set will do. `context` is what the
 * platform passes to the host with each request, such as the actor; the host passes it on unchanged.
 */
export interface DeviceStore<Extra = unknown, Context = unknown> {
  /** Resolves to `undefined` if there is no device with this id. */
  load(device: string, context: Context): Promise<DeviceState<Extra> | undefined>;
  /** Resolves to `undefined` if the device has no command with this id. */
  command(device: string, id: CommandId): Promise<Command | undefined>;
  /**
   * Writes all of a commit in one transaction, and resolves to `true`. Writes nothing and resolves to `false` if the
   * device's version has changed; the host then decides again.
   */
  commit(commit: Commit<Extra>, context: Context): Promise<boolean>;
}

/** The channel to devices. */
export interface Transport<Extra = unknown> {
  /** The capabilities of this transport for this device. */
  capabilities(state: DeviceState<Extra>): Capabilities | Promise<Capabilities>;
  /** `true` if a command would reach the device at once. */
  isOnline(state: DeviceState<Extra>): boolean | Promise<boolean>;
  /**
   * Seals a new command's password to the device, before anything is stored: see `seal`. A remove has no password. Only
   * the device may be able to open it.
   */
  seal(state: DeviceState<Extra>, command: Command, password: string | null): Promise<Uint8Array>;
  /** Wakes the device after the commit. If the wake-up is lost, the device gets the change at its next sync. */
  notify(state: DeviceState<Extra>, decision: Decision): void | Promise<void>;
}

/** A request of a reset or a remove: any field of the contract's `request` can be left out. */
export interface RequestOptions {
  request?: Partial<Request>;
  /** Replaces any command that is pending at the time of the decision. */
  replacesPending?: boolean;
}

/**
 * A plugin over the devices of a platform. Each request loads the device, lets the plugin decide, seals the password,
 * and commits all of it or nothing. If the device changes in between, the host decides again.
 *
 * All functions reject with `PluginError` if the plugin fails, `UnknownDevice`, `UnknownCommand`, `Contended`, and what
 * the store or the transport rejects with. A refusal is no error.
 */
export class Host<Extra = unknown, Context = unknown> {
  constructor(options: {
    plugin: Plugin;
    store: DeviceStore<Extra, Context>;
    transport: Transport<Extra>;
    /** By default exactly four digits, and agents of 6.9.0 or later. */
    deployment?: Deployment;
    clock?: () => Date;
  });
  readonly store: DeviceStore<Extra, Context>;
  readonly transport: Transport<Extra>;
  /** The plugin of the next call. */
  readonly plugin: Plugin;
  /** Makes this plugin decide, from the next call on. */
  swap(plugin: Plugin): void;
  /** Asks for a reset. Resolves to the id of the new command. */
  reset(device: string, options: RequestOptions & { password: string }, context: Context): Promise<Result<CommandId>>;
  /** Asks for a remove. Resolves to the id of the new command. */
  remove(device: string, options: RequestOptions, context: Context): Promise<Result<CommandId>>;
  /** Takes the report of a device about a command. */
  report(device: string, command: CommandId, outcome: DeviceOutcome, context: Context): Promise<Result<ReportEffect>>;
  /** Cancels a pending command. */
  cancel(device: string, command: CommandId, context: Context): Promise<Result<null>>;
  /** Ends a pending command after its expiry. A platform calls it when the expiry has passed. */
  expire(device: string, command: CommandId, context: Context): Promise<Result<null>>;
  /** Previews a reset or a remove. Nothing changes. */
  preview(
    device: string, options: RequestOptions & { action: Action; password?: string }, context: Context,
  ): Promise<DevicePreview>;
  /** The status of a device, for its page. Nothing changes. */
  status(device: string, context: Context): Promise<DeviceStatus>;
  /** The state of the applied policy. While it is overridden, a platform does not push it. Nothing changes. */
  policyOverride(device: string, context: Context): Promise<PolicyState>;
}

/** The limits of a call. */
export interface Limits {
  /** Wall time, in milliseconds, with that of making the instance. 1000 by default. */
  time: number;
  /** Linear memory of each of the component's memories, in bytes. 64 MiB by default. */
  memory: number;
  /** The heap of JavaScript in which a plugin's values are made, in MiB. 256 by default. */
  heap: number;
}
export const DEFAULT_LIMITS: Readonly<Limits>;
export const DEFAULT_DEPLOYMENT: Readonly<Deployment>;

/** The description of a plugin by itself. */
export interface Description {
  name: string;
  version: string;
  /** Its purpose, for the operator. */
  summary: string;
  /** The JSON Schema of its settings. */
  settings_schema: string;
  /** Its settings if the operator chooses none. */
  default_settings: string;
}

/** A message of a plugin with its call. Its text is the plugin's own, of at most 1024 bytes: show it by `escaped`. */
export interface LoggedMessage {
  level: "trace" | "debug" | "info" | "warn" | "error" | "critical";
  text: string;
  function: string;
  device: string;
  command: CommandId | null;
}

/** A component that fits the contract, with its settings. Its calls run in a thread, one after the other. */
export class Plugin {
  private constructor();
  /**
   * Translates and compiles a component, which takes some seconds for a large one. `settings` is JSON; by default those
   * of the plugin. Rejects with `LoadError` or `SettingsError`.
   */
  static load(component: Uint8Array, options?: { settings?: string; limits?: Partial<Limits> }): Promise<Plugin>;
  /** The SHA-256 digest of the component, in hex. */
  readonly digest: string;
  readonly description: Description;
  /** A JSON object. */
  readonly settings: string;
  /** Its latest messages, oldest first: 100 at most. */
  readonly messages: LoggedMessage[];
  /** The same plugin with other settings, which fit its schema and which it has checked. */
  withSettings(settings: string): Promise<Plugin>;
  /**
   * Makes one call of the interface `password`, without a store: for tools. `parameters` are those of the function in
   * JSON, without secret and command. Rejects with `PluginError`.
   */
  call(
    name: string, situation: Situation, parameters?: object,
    given?: { subject?: Command | null; password?: string | null },
  ): Promise<{ returned: unknown; effects: Effect[] }>;
  /** Ends its thread. The next call starts another one. */
  close(): Promise<void>;
}

/** A file can't be used as a plugin. */
export class LoadError extends Error {}
/** Settings are refused, by their size, their form, the plugin's schema, or the plugin. */
export class SettingsError extends Error {
  /** Each fault, if the settings are a JSON object. `field` is a JSON Pointer. */
  readonly faults: { field: string; message: string }[];
}
/** A plugin failed during a call: it trapped, broke a limit, or broke an invariant of the contract. */
export class PluginError extends Error {
  readonly kind: "too-slow" | "too-deep" | "crashed" | "broke-contract";
}
/** The store has no such device. */
export class UnknownDevice extends Error {}
/** The device has no such command. */
export class UnknownCommand extends Error {}
/** Other writers changed the device during each attempt: try again. */
export class Contended extends Error {}

/** Applies effects to a device and its commands, for stores that keep both in one document. */
export function applyEffects(device: Device, commands: Command[], effects: Effect[], at: Timestamp): void;
/** A text on one line, for a log or a terminal. */
export function escaped(text: string): string;

/** Makes a pair of keys: the private key, 32 bytes, and the public key, 65 bytes. */
export function generateKey(): Promise<{ privateKey: Uint8Array; publicKey: Uint8Array }>;
/**
 * Seals a password for one command of a device, as the project's agents open it: the encapsulated key, 65 bytes, and the
 * ciphertext. It opens with the device's private key only, and for this command only. `tokenKey` is a private key of 32
 * bytes that the platform keeps for the device; a device without a reset token ignores it.
 */
export function seal(
  publicKey: Uint8Array, device: string, command: Command, tokenKey: Uint8Array, password: string | null,
): Promise<Uint8Array>;
/** Opens what was sealed for this command, as a device does. Rejects if it does not open. */
export function openSealed(
  privateKey: Uint8Array, device: string, command: Command, sealed: Uint8Array,
): Promise<{ tokenKey: Uint8Array; password: string }>;
