// The thread in which calls of a plugin run, so that one that never ends can be stopped.

import { parentPort, workerData } from "node:worker_threads";
import { checkTexts } from "./effects.js";
import { Violation } from "./errors.js";
import { Secret, importsOf } from "./imports.js";
import { fromJson, toJson, variant } from "./values.js";

const { javascript, modules } = workerData;
const source = `data:text/javascript;base64,${Buffer.from(javascript).toString("base64")}`;
const { instantiate } = await import(source);

/** Makes a call on a fresh instance. */
async function run({ target, name, parameters, context }) {
  const passOn = (message) => parentPort.postMessage({ message });
  const { imports, effects, failure } = importsOf(name, context, passOn);
  try {
    const instance = await instantiate((file) => modules.get(file), imports);
    const returned = called(instance[target], name, parameters, context);
    if (effects !== undefined) {
      return { returned, effects: effects.decided(returned) };
    }
    if (name !== "describe") {
      checkTexts(returned);
    }
    return { returned, effects: [] };
  } catch (error) {
    return { failure: failureOf(failure() ?? error) };
  }
}

/** Calls a function of the contract with parameters in JSON. */
function called(functions, name, parameters, context) {
  const secret = context?.password == null ? undefined : new Secret(context.password);
  const { request, action, outcome, settings } = parameters;
  const command = context && fromJson(context.subject);
  switch (name) {
    case "describe":
      return toJson(functions.describe());
    case "check-settings":
      return result(() => functions.checkSettings(settings));
    case "reset":
      return result(() => functions.reset(secret, requestOf(request)));
    case "remove":
      return result(() => functions.remove(requestOf(request)));
    case "preview":
      return toJson(functions.preview(action, secret, requestOf(request)));
    case "status":
      return toJson(functions.status());
    case "policy-override":
      return toJson(functions.policyOverride());
    case "report":
      return result(() => functions.report(command, variant(outcome)));
    case "cancel":
      return result(() => functions.cancel(command));
    case "expire":
      return result(() => functions.expire(command));
  }
}

function requestOf({ valid_for: validFor, ...others }) {
  return { ...fromJson(others), validFor: validFor === null ? undefined : BigInt(validFor) };
}

/** jco throws the `err` of a result: a variant or a list. A trap is an Error. */
function result(call) {
  try {
    return { ok: toJson(call()) };
  } catch (error) {
    if (error instanceof Error) {
      throw error;
    }
    return { err: toJson(error) };
  }
}

function failureOf(error) {
  if (error instanceof Violation) {
    return { kind: "broke-contract", message: `the plugin broke the contract: ${error.message}` };
  }
  if (error instanceof RangeError && error.message.includes("call stack")) {
    return { kind: "too-deep", message: "the plugin used more stack than there is" };
  }
  return { kind: "crashed", message: `the plugin crashed: ${String(error?.message ?? error).slice(0, 200)}` };
}

parentPort.on("message", async (call) => parentPort.postMessage(await run(call)));
