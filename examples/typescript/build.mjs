// Builds plugin.wasm: the modules that `tsc` has made of src, together with the JavaScript engine that runs them.
import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "build/plugin.js",
  witPath: "wit",
  worldName: "password-plugin",
  // A host refuses a component that imports more than the contract allows.
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile("plugin.wasm", component);
