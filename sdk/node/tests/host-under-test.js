// The host of this package, as the kit for hosts drives it:
//
//     mdm-plugin check-host -- node tests/host-under-test.js

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Host, LoadError, Plugin, PluginError, SettingsError, escaped } from "@mdm-password/host";
import { Platform } from "./platform.js";

/** The cases that the runtime can't pass, each with the reason. */
const EXCEPTIONS = {};

let plugin;
let platform;
let oldMessages = 0;

/** The requests of the kit, as uses of the package. */
const ANSWERS = {
  start: () => ({ host: "mdm-password-host for Node", exceptions: EXCEPTIONS }),

  async use({ component, settings }) {
    try {
      const next = await Plugin.load(await readFile(component), { settings: settings ?? undefined });
      await plugin?.close();
      plugin = next;
    } catch (error) {
      if (error instanceof LoadError || error instanceof SettingsError) {
        return { error: error.message };
      }
      throw error;
    }
    oldMessages = 0;
    return { ok: null };
  },

  situation(content) {
    platform = new Platform(content);
    oldMessages = plugin.messages.length;
    return { ok: null };
  },

  async call({ meanwhile, ...call }) {
    const { device, deployment, now } = platform.content;
    platform.meanwhile = meanwhile;
    const host = new Host({ plugin, store: platform, transport: platform, deployment, clock: () => new Date(now) });
    const [[name, parameters]] = Object.entries(call);
    const id = device.id;
    try {
      switch (name) {
        case "reset":
        case "remove":
          return { returned: await host[name](id, parameters) };
        case "preview":
          return { returned: await host.preview(id, { ...parameters, password: parameters.password ?? undefined }) };
        case "status":
          return { returned: await host.status(id) };
        case "policy-override":
          return { returned: await host.policyOverride(id) };
        case "report":
          return { returned: await host.report(id, parameters.command, parameters.outcome) };
        default:
          return { returned: await host[name](id, parameters.command) };
      }
    } catch (error) {
      if (error instanceof PluginError) {
        return { failed: error.message };
      }
      throw error;
    }
  },

  state() {
    const { device, commands } = platform.content;
    const messages = plugin.messages.slice(oldMessages);
    const shown = messages.map(({ level, text, device: of }) => ({ level, message: escaped(text), device: of }));
    return { device, commands, sealed: platform.sealed, messages: shown };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[name, request]] = Object.entries(JSON.parse(line));
  console.log(JSON.stringify(await ANSWERS[name](request)));
}
