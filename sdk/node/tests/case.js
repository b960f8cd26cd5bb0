// The cases: what is given, which call is made, and what is expected of it.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Reads the cases of a folder, each with its whole situation. */
export async function readCases(folder) {
  const base = await readJson(join(folder, "base.json"));
  const files = (await readdir(folder)).filter((name) => name.startsWith("rule-")).sort();
  const cases = [];
  for (const name of files) {
    const { rule, cases: written } = await readJson(join(folder, name));
    for (const it of written) {
      const call = callOf(base, it.call);
      cases.push({ rule, ...it, call, situation: situationOf(base, it.given ?? {}) });
    }
  }
  return cases;
}

async function readJson(file) {
  return JSON.parse(await readFile(file, "utf8"));
}

function situationOf(base, given) {
  const situation = structuredClone(base.situation);
  for (const [name, value] of Object.entries(given)) {
    const isCommand = ["pending", "latest", "command"].includes(name);
    const template = isCommand && isObject(value) ? structuredClone(base.command) : situation[name];
    situation[name] = merged(template, value);
  }
  if (!("pending" in given) && situation.command?.status === "pending") {
    situation.pending = situation.command;
  }
  if (!("latest" in given)) {
    situation.latest = situation.pending ?? situation.command;
  }
  return situation;
}

/** A call whose request is merged over the base's. */
function callOf(base, call) {
  if (!isObject(call)) {
    return call;
  }
  const [[name, parameters]] = Object.entries(call);
  return ["reset", "remove", "preview"].includes(name)
    ? { [name]: { ...parameters, request: merged(base.request, parameters.request ?? {}) } }
    : call;
}

/** Objects are merged, everything else is replaced. */
function merged(into, from) {
  if (!isObject(into) || !isObject(from)) {
    return from;
  }
  const result = { ...into };
  for (const [name, value] of Object.entries(from)) {
    result[name] = merged(into[name], value);
  }
  return result;
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
