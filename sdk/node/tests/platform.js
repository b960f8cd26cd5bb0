// A platform in memory, for the tests: a store with one device, and a transport that seals and delivers nothing.

import { randomBytes } from "node:crypto";
import { applyEffects, generateKey, seal } from "@mdm-password/host";

/** The store and the transport. */
export class Platform {
  #version = 0;
  #keys = generateKey();
  sealed = {};
  /** What another writer commits before the next commit. */
  meanwhile;

  constructor(content) {
    this.content = content;
  }

  get version() {
    return this.#version;
  }

  async load(device) {
    const { device: stored, commands } = structuredClone(this.content);
    const pending = commands.find((it) => it.status === "pending") ?? null;
    const state = { device: stored, pending, latest: commands.at(-1) ?? null, version: this.#version, extra: null };
    return stored.id === device ? state : undefined;
  }

  async command(_, id) {
    return structuredClone(this.content.commands.find((it) => it.id === id));
  }

  async commit({ before, at, effects, sealed, decision }) {
    if (this.meanwhile !== undefined) {
      this.content = this.meanwhile;
      this.meanwhile = undefined;
      this.#version += 1;
    }
    if (this.#version !== before.version) {
      return false;
    }
    applyEffects(this.content.device, this.content.commands, effects, at);
    if (sealed !== undefined) {
      this.sealed[decision.command] = Buffer.from(sealed).toString("base64");
    }
    for (const { complete } of effects) {
      delete this.sealed[complete?.command];
    }
    this.#version += 1;
    return true;
  }

  capabilities() {
    return this.content.capabilities;
  }

  isOnline() {
    return this.content.online;
  }

  async seal({ device }, command, password) {
    const { publicKey } = await this.#keys;
    return seal(publicKey, device.id, command, randomBytes(32), password);
  }

  notify() {}
}
