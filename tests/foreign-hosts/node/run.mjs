// Runs a plugin under Node against the cases of the conformance kit:
//
//     node run.mjs PLUGIN.wasm CASES

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { transpile } from "@bytecodealliance/jco";
import { isObject, readCases } from "./case.mjs";
import { hostFor } from "./host.mjs";
import { expiresInTime, isAsExpected } from "./judge.mjs";
import { fromJson, toJson, variant } from "./values.mjs";

/** Makes a function that makes fresh instances of a component. */
async function instances(component) {
  const { files } = await transpile(component, {
    name: "plugin",
    instantiation: { tag: "async" },
    nodejsCompat: false,
    noTypescript: true,
  });
  const folder = await mkdtemp(join(tmpdir(), "mdm-foreign-host-"));
  const modules = new Map();
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith(".wasm")) {
      modules.set(name, await WebAssembly.compile(content));
    } else if (name.endsWith(".js")) {
      await writeFile(join(folder, `${basename(name, ".js")}.mjs`), content);
    }
  }
  const { instantiate } = await import(pathToFileURL(join(folder, "plugin.mjs")));
  await rm(folder, { recursive: true });
  return (imports) => instantiate((name) => modules.get(name), imports);
}

/** The settings of a plugin that an operator has not chosen otherwise: it describes them itself. */
async function defaultSettings(instance) {
  const { imports } = hostFor({ password: null, command: null }, false);
  const { plugin } = await instance(imports);
  const { name, version, defaultSettings: settings } = plugin.describe();
  console.log(`${name} ${version}`);
  plugin.checkSettings(settings);
  return settings;
}

/** Makes the call of a case on a fresh instance. A refused call has no effects. */
async function run(instance, { situation, call }) {
  const [name, parameters] = isObject(call) ? Object.entries(call)[0] : [call, {}];
  const hasSecret = name === "reset" || (name === "preview" && parameters.action === "reset");
  const { imports, effects, secret } = hostFor(situation, hasSecret);
  const { password } = await instance(imports);
  const request = parameters.request && requestOf(parameters.request);
  const command = fromJson(situation.command);
  switch (name) {
    case "reset":
      return result(effects, () => password.reset(secret, request));
    case "remove":
      return result(effects, () => password.remove(request));
    case "preview":
      return { returns: toJson(password.preview(parameters.action, secret, request)), effects };
    case "status":
      return { returns: toJson(password.status()), effects };
    case "policy-override":
      return { returns: toJson(password.policyOverride()), effects };
    case "report":
      return result(effects, () => password.report(command, variant(parameters.outcome)));
    case "cancel":
      return result(effects, () => password.cancel(command));
    case "expire":
      return result(effects, () => password.expire(command));
  }
}

function requestOf({ valid_for: validFor, ...others }) {
  return { ...fromJson(others), validFor: validFor === null ? undefined : BigInt(validFor) };
}

/** jco throws what a function refuses, as the payload of an error. */
function result(effects, call) {
  try {
    return { returns: { ok: toJson(call()) }, effects };
  } catch (error) {
    if (error.payload === undefined) {
      throw error;
    }
    return { returns: { err: toJson(error.payload) }, effects: [] };
  }
}

const [file, folder] = process.argv.slice(2);
const component = await readFile(file);
console.log(`sha256:${createHash("sha256").update(component).digest("hex")}`);
const instance = await instances(component);
const settings = await defaultSettings(instance);
const count = { passed: 0, failed: 0, free: 0 };
for (const it of await readCases(folder)) {
  let answer;
  try {
    answer = await run(instance, { ...it, situation: { ...it.situation, settings } });
  } catch (error) {
    answer = { returns: { crashed: String(error) }, effects: [] };
  }
  const isInTime = expiresInTime(answer.effects, it.situation.now);
  if (it.expect === undefined && isInTime) {
    count.free += 1;
  } else if (it.expect !== undefined && isInTime && isAsExpected(it.expect, answer)) {
    count.passed += 1;
  } else {
    count.failed += 1;
    console.log(`FAIL rule ${it.rule}: ${it.case}`);
    console.log(`     expected ${JSON.stringify(it.expect)}`);
    console.log(`     got      ${JSON.stringify(answer)}`);
  }
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.free} free`);
process.exitCode = count.failed > 0 ? 1 : 0;
