// The imports that plugins may have. Any other import is denied.

import { randomBytes } from "node:crypto";
import { LoadError } from "./errors.js";
import { MAX_RANDOM_BYTES } from "./limits.js";

const CONTRACT = ["types", "secrets", "device-store", "transport", "settings", "logging"];
const WASI = ["clocks/wall-clock", "clocks/monotonic-clock", "random/random", "random/insecure", "random/insecure-seed"];
const GRANTED = [...CONTRACT.map((it) => `mdm:password/${it}@1.`), ...WASI.map((it) => `wasi:${it}@0.2.`)];

/** Refuses a component with an import that is not granted. */
export function checkImports(names) {
  const denied = names.filter((name) => !GRANTED.some((it) => name.startsWith(it)));
  if (denied.length > 0) {
    throw new LoadError(`this component imports what plugins don't get: ${denied.join(", ")}`);
  }
}

/** The granted part of WASI. Time stands still during a call, on every clock; `now` is in milliseconds. */
export function wasi(now) {
  const datetime = (time) => ({ seconds: BigInt(Math.floor(time / 1000)), nanoseconds: (time % 1000) * 1_000_000 });
  const random = () => randomBytes(8).readBigUInt64LE();
  const bytes = (length) => {
    if (length > BigInt(MAX_RANDOM_BYTES)) {
      throw new Error(`a plugin gets at most ${MAX_RANDOM_BYTES} random bytes at a time`);
    }
    return new Uint8Array(randomBytes(Number(length)));
  };
  return {
    "wasi:clocks/wall-clock": { now: () => datetime(now()), resolution: () => datetime(1) },
    "wasi:clocks/monotonic-clock": { now: () => BigInt(now()) * 1_000_000n, resolution: () => 1_000_000n },
    "wasi:random/random": { getRandomBytes: bytes, getRandomU64: random },
    "wasi:random/insecure": { getInsecureRandomBytes: bytes, getInsecureRandomU64: random },
    "wasi:random/insecure-seed": { insecureSeed: () => [random(), random()] },
  };
}
