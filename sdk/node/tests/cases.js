// Runs a plugin against the cases of the conformance kit:
//
//     node tests/cases.js PLUGIN.wasm CASES

import { readFile } from "node:fs/promises";
import { Plugin } from "@mdm-password/host";
import { isObject, readCases } from "./case.js";
import { expiresInTime, isAsExpected } from "./judge.js";

/** The id that the cases give to the command that a call sends. */
const SENT = "0198c1de-0000-7000-8000-0000000000ff";

/** Makes the call of a case. */
async function run(plugin, { situation: given, call }) {
  const { command: subject, password, ...situation } = given;
  const [name, parameters] = isObject(call) ? Object.entries(call)[0] : [call, {}];
  const hasSecret = name === "reset" || parameters.action === "reset";
  const answer = await plugin.call(name, situation, parameters, { subject, password: hasSecret ? password : null });
  let text = JSON.stringify({ returns: answer.returned, effects: answer.effects.map(asWritten) });
  for (const { send } of answer.effects) {
    text = send === undefined ? text : text.replaceAll(send.id, SENT);
  }
  return JSON.parse(text);
}

/** An effect as the parameters of its import. */
function asWritten(effect) {
  const override = effect["set-policy-override"];
  return override === undefined ? effect : { "set-policy-override": { command: override?.command ?? null } };
}

const [file, folder] = process.argv.slice(2);
const plugin = await Plugin.load(await readFile(file));
console.log(`sha256:${plugin.digest}`);
console.log(`${plugin.description.name} ${plugin.description.version}`);
const count = { passed: 0, failed: 0, free: 0 };
for (const it of await readCases(folder)) {
  let answer;
  try {
    answer = await run(plugin, it);
  } catch (error) {
    answer = { returns: { crashed: error.message }, effects: [] };
  }
  const isInTime = answer.returns?.crashed === undefined && expiresInTime(answer.effects, it.situation.now);
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
