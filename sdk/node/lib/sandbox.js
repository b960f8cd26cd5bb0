// The sandbox: translates a component, and runs each call on a fresh instance in a thread of its own.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { componentWit } from "@bytecodealliance/jco-transpile/wasm-tools";
import { LoadError, PluginError } from "./errors.js";
import { checkImports } from "./grants.js";
import { withMemoryLimit } from "./memory.js";

const INTERFACES = ["password", "plugin"].map((it) => `mdm:password/${it}@1.`);

/** A component, from which every call gets a fresh instance. Calls run one after the other. */
export class Sandbox {
  #code;
  #limits;
  #worker;
  #last = Promise.resolve();

  constructor(code, limits) {
    this.#code = code;
    this.#limits = limits;
  }

  /** Translates a component, which takes some seconds for a large one. */
  static async make(component, limits) {
    try {
      checkImports(await importsOf(component));
      const { files, exports } = await transpileBytes(component, {
        name: "plugin",
        instantiation: { tag: "async" },
        nodejsCompat: false,
        noTypescript: true,
      });
      const missing = INTERFACES.find((it) => !exports.some(([name]) => name.startsWith(it)));
      if (missing !== undefined) {
        throw new LoadError(`this component doesn't implement the contract: it doesn't export ${missing}0.0`);
      }
      return new Sandbox(await compiled(files, limits.memory), limits);
    } catch (error) {
      throw error instanceof LoadError ? error : new LoadError(`this is no component that can be used: ${firstLine(error)}`);
    }
  }

  /** Makes a call. `passOn` gets its messages. */
  async run(call, passOn) {
    const before = this.#last;
    const { promise, resolve } = withResolvers();
    this.#last = promise;
    try {
      await before;
      return await this.#call(call, passOn);
    } finally {
      resolve();
    }
  }

  /** Ends its thread. */
  async close() {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #call(call, passOn) {
    this.#worker ??= await this.#started();
    const worker = this.#worker;
    const { promise, resolve, reject } = withResolvers();
    const fail = (kind, message) => {
      this.#worker = undefined;
      worker.terminate();
      reject(new PluginError(kind, message));
    };
    const received = ({ message, failure, ...answer }) => {
      if (message !== undefined) {
        passOn(message);
      } else if (failure !== undefined) {
        reject(new PluginError(failure.kind, failure.message));
      } else {
        resolve(answer);
      }
    };
    const failed = (error) => fail("crashed", `the plugin crashed: ${firstLine(error)}`);
    const { time } = this.#limits;
    const timer = setTimeout(() => fail("too-slow", `the plugin ran longer than ${time} ms`), time);
    worker.on("message", received);
    worker.on("error", failed);
    worker.ref();
    try {
      worker.postMessage(call);
      return await promise;
    } finally {
      clearTimeout(timer);
      worker.off("message", received);
      worker.off("error", failed);
      worker.unref();
    }
  }

  async #started() {
    const worker = new Worker(new URL("worker.js", import.meta.url), {
      workerData: this.#code,
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.heap },
      env: {},
    });
    await once(worker, "online");
    // An error between calls, while the thread ends, is nobody's.
    worker.on("error", () => {});
    return worker;
  }
}

/** The names of a component's imports, with their versions. */
async function importsOf(component) {
  const wit = await componentWit(component);
  const world = wit.slice(wit.indexOf("world root"));
  return [...world.matchAll(/^\s+import ([^;{]+)[;{]/gm)].map(([, name]) => name.trim());
}

/** The JavaScript and the core modules of a translated component. */
async function compiled(files, memory) {
  const modules = new Map();
  let javascript;
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith(".wasm")) {
      modules.set(name, await WebAssembly.compile(withMemoryLimit(content, memory)));
    } else if (name === "plugin.js") {
      javascript = new TextDecoder().decode(content);
    }
  }
  return { javascript, modules };
}

function firstLine(error) {
  return String(error?.message ?? error).split("\n")[0].slice(0, 200);
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers() {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
