// What a platform in TypeScript writes: checked by `tsc`, not run.

import { Host, type Command, type Commit, type DeviceState, type DeviceStore, type Plugin, type Transport } from "@mdm-password/host";

class Store implements DeviceStore<Uint8Array, string> {
  async load(device: string, actor: string): Promise<DeviceState<Uint8Array> | undefined> {
    return actor === device ? undefined : undefined;
  }

  async command(): Promise<Command | undefined> {
    return undefined;
  }

  async commit({ effects, before }: Commit<Uint8Array>, actor: string): Promise<boolean> {
    return effects.length > 0 && before.extra.length > 0 && actor !== "";
  }
}

export async function resets(plugin: Plugin, transport: Transport<Uint8Array>): Promise<string> {
  const host = new Host({ plugin, store: new Store(), transport });
  const answer = await host.reset("device-7", { password: "4711", request: { options: ["lock-now"] } }, "alice");
  // @ts-expect-error There is no such option.
  await host.reset("device-7", { password: "4711", request: { options: ["explode"] } }, "alice");
  // @ts-expect-error The context is the store's.
  await host.status("device-7", 5);
  return "ok" in answer ? answer.ok : JSON.stringify(answer.err);
}
