// A tiny MDM platform that embeds the host: one phone, one reset from request to success.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Host, Plugin, applyEffects, generateKey, openSealed, seal } from "@mdm-password/host";

/** The store, a map of documents with their versions, and an audit trail. */
class Phones {
  #documents = new Map();
  audit = [];

  add(device, publicKey) {
    this.#documents.set(device.id, { device, commands: [], sealed: undefined, publicKey, version: 0 });
  }

  get(id) {
    return structuredClone(this.#documents.get(id));
  }

  async load(id) {
    const phone = this.get(id);
    const pending = phone?.commands.find((it) => it.status === "pending");
    return phone && { device: phone.device, pending, latest: phone.commands.at(-1), version: phone.version, extra: phone };
  }

  async command(id, command) {
    return this.get(id)?.commands.find((it) => it.id === command);
  }

  /** The context is this platform's data for the commit: the actor. */
  async commit({ before, effects, sealed, at, decision }, actor) {
    const { device, commands, publicKey } = structuredClone(before.extra);
    if (this.#documents.get(device.id).version !== before.version) {
      return false;
    }
    applyEffects(device, commands, effects, at);
    this.#documents.set(device.id, { device, commands, sealed, publicKey, version: before.version + 1 });
    this.audit.push({ actor, ...decision });
    return true;
  }
}

/** The transport: a list of the phones that have news. */
class Radio {
  news = [];

  capabilities() {
    const passwords = { minimum_pin_length: 4, minimum_length: 4, maximum_length: 16 };
    return { options: ["lock-now"], expiry: true, passwords };
  }

  isOnline() {
    return true;
  }

  seal({ device, extra }, command, password) {
    // The key of 32 bytes opens a reset token that the platform has provisioned; this one has none.
    return seal(extra.publicKey, device.id, command, randomBytes(32), password);
  }

  notify({ device }) {
    this.news.push(device.id);
  }
}

// The platform: a store, a phone with a key pair, and a channel to wake the phone.
const phones = new Phones();
const radio = new Radio();
const { privateKey, publicKey } = await generateKey();
phones.add(JSON.parse(await readFile(new URL("phone.json", import.meta.url))), publicKey);
const plugin = await Plugin.load(await readFile(process.argv[2]));
const host = new Host({ plugin, store: phones, transport: radio });

// An admin requests a reset.
const reset = await host.reset("phone-1", { password: "4711" }, "alice");
console.log(`alice asked for the reset ${reset.ok}`);

// The phone wakes, opens its command, sets the password, and reports.
const id = radio.news.pop();
const { commands, sealed } = phones.get(id);
const { password } = await openSealed(privateKey, id, commands.at(-1), sealed);
console.log(`${id} sets a password of ${password.length} digits`);
await host.report(id, reset.ok, "success", id);
console.log(JSON.stringify(await host.status("phone-1", "alice"), null, 2));
