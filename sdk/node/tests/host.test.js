// The host of this package: its flow, its sandbox, and what it does not let a plugin do. The plugins are components:
//
//     MDM_REFERENCE=plugin.wasm MDM_PROBE=probe.wasm npm test

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import {
  Host, LoadError, Plugin, PluginError, SettingsError, UnknownCommand, UnknownDevice, generateKey, openSealed, seal,
} from "@mdm-password/host";
import { withMemoryLimit } from "../lib/memory.js";
import { Platform } from "./platform.js";

const base = JSON.parse(await readFile(new URL("../../../conformance/cases/base.json", import.meta.url)));
const REFERENCE = await readFile(process.env.MDM_REFERENCE);
const PROBE = await readFile(process.env.MDM_PROBE);
const ID = base.situation.device.id;

let reference;
let probe;

before(async () => {
  [reference, probe] = await Promise.all([Plugin.load(REFERENCE), Plugin.load(PROBE)]);
});

after(() => Promise.all([reference.close(), probe.close()]));

function platformAndHost(plugin = reference) {
  const { device, deployment, capabilities, online, now } = structuredClone(base.situation);
  const platform = new Platform({ device, deployment, capabilities, online, now, commands: [] });
  return { platform, host: new Host({ plugin, store: platform, transport: platform, deployment }) };
}

test("a reset is pending until its report, and then overrides the policy", async () => {
  const { platform, host } = platformAndHost();
  const { ok: command } = await host.reset(ID, { password: "7294" });
  assert.deepEqual(Object.keys(platform.sealed), [command]);
  assert.deepEqual(await host.report(ID, command, "success"), { ok: "completed" });
  assert.deepEqual(platform.sealed, {});
  assert.equal((await host.status(ID)).latest.status, "success");
  assert.equal((await host.policyOverride(ID)).overridden.command, command);
});

test("a refusal is an answer, and changes nothing", async () => {
  const { platform, host } = platformAndHost();
  const refusal = { err: { "password-refused": [{ "too-short": 4 }] } };
  assert.deepEqual(await host.reset(ID, { password: "12" }), refusal);
  assert.deepEqual([platform.content.commands, platform.version], [[], 0]);
});

test("replacesPending replaces whatever is pending", async () => {
  const { platform, host } = platformAndHost();
  const { ok: first } = await host.reset(ID, { password: "7294" });
  assert.deepEqual(await host.reset(ID, { password: "7294" }), { err: { conflict: first } });
  const { ok: second } = await host.reset(ID, { password: "7294", replacesPending: true });
  assert.ok(first < second);
  assert.deepEqual(platform.content.commands[0].status, { failed: { superseded: second } });
});

test("a device or a command that is unknown is said so", async () => {
  const { host } = platformAndHost();
  await assert.rejects(host.status("nobody"), UnknownDevice);
  await assert.rejects(host.cancel(ID, "nothing"), UnknownCommand);
});

test("a swap takes effect with the next call", async () => {
  const { host } = platformAndHost();
  host.swap(probe);
  assert.deepEqual(await host.remove(ID), { err: "nothing-to-remove" });
  host.swap(reference);
  assert.ok("ok" in (await host.reset(ID, { password: "7294" })));
});

test("an endless loop is stopped in time, and the calls beside it succeed", async () => {
  const { host } = platformAndHost(probe);
  const { host: other } = platformAndHost();
  const start = performance.now();
  const spins = host.reset(ID, { password: "7294", request: { reason: "spin" } });
  assert.equal((await other.preview(ID, { action: "reset", password: "7294" })).verdict, "will-succeed");
  await assert.rejects(spins, (error) => error instanceof PluginError && error.kind === "too-slow");
  assert.ok(performance.now() - start < 5000);
  assert.ok("ok" in (await host.reset(ID, { password: "7294" })), "the next call has a new thread");
});

test("calls at the same time all get their own answers", async () => {
  const { host } = platformAndHost();
  const verdicts = await Promise.all(
    Array.from({ length: 40 }, (_, at) => host.preview(ID, { action: "reset", password: at % 2 ? "7294" : "1" })),
  );
  verdicts.forEach(({ verdict }, at) => assert.equal(verdict === "will-succeed", at % 2 === 1));
});

test("a file that is no plugin is refused with the reason", async () => {
  const foreign = Buffer.from(PROBE.toString("latin1").replaceAll("mdm:password/logging@", "mdm:password/reading@"), "latin1");
  await assert.rejects(Plugin.load(Buffer.from("no component")), LoadError);
  const named = (error) => error instanceof LoadError && error.message.includes("mdm:password/reading@1.0.0");
  await assert.rejects(Plugin.load(foreign), named);
});

test("settings that are refused name the field, and those before stay", async () => {
  for (const settings of ['{"attempt": 5}', '{"attempt": "refuse"}']) {
    const named = ({ faults }) => faults.map((it) => it.field).join() === "/attempt";
    await assert.rejects(probe.withSettings(settings), named);
  }
  await assert.rejects(probe.withSettings("["), SettingsError);
  assert.equal((await probe.withSettings('{"attempt": "none"}')).settings, '{"attempt": "none"}');
  assert.equal(probe.settings, "{}");
});

test("a memory can't grow beyond its limit", async () => {
  // (module (memory (export "m") 1))
  const module = Buffer.from("0061736d01000000050301000107050101 6d0200".replace(" ", ""), "hex");
  const { instance } = await WebAssembly.instantiate(withMemoryLimit(module, 2 << 16));
  const { m: memory } = instance.exports;
  memory.grow(1);
  assert.throws(() => memory.grow(1), RangeError);
  assert.throws(() => withMemoryLimit(module, 100), /begins with 1 pages/);
});

test("a sealed password opens for its command only", async () => {
  const { privateKey, publicKey } = await generateKey();
  const { privateKey: tokenKey } = await generateKey();
  const command = { ...base.command, options: ["lock-now"], expires_at: "2026-01-05T12:00:00.250Z" };
  const sealed = await seal(publicKey, "d", command, tokenKey, "7294");
  assert.deepEqual(await openSealed(privateKey, "d", command, sealed), { tokenKey, password: "7294" });
  for (const other of [{ options: [] }, { expires_at: null }, { action: "remove" }, { id: "other" }]) {
    await assert.rejects(openSealed(privateKey, "d", { ...command, ...other }, sealed));
  }
});
