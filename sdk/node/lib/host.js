// The flow: a request becomes the decision of a plugin, and the decision one commit.

import { Contended, UnknownCommand, UnknownDevice } from "./errors.js";

/**
 * Maximum number of attempts to decide a request while its device changes. Each that fails needs another request that
 * was committed meanwhile.
 */
const MAX_ATTEMPTS = 32;

/** The deployment by default: exactly four digits, and agents of 6.9.0 or later. */
export const DEFAULT_DEPLOYMENT = Object.freeze({
  password_rule: { characters: "digits", minimum_length: 4, maximum_length: 4 },
  minimum_agent_version: "6.9.0",
});

const REQUEST = { options: [], replaces: null, valid_for: null, reason: null, requester: null };

/** A plugin over the devices of a platform. */
export class Host {
  #plugin;
  #deployment;
  #clock;

  constructor({ plugin, store, transport, deployment = DEFAULT_DEPLOYMENT, clock = () => new Date() }) {
    this.#plugin = plugin;
    this.store = store;
    this.transport = transport;
    this.#deployment = deployment;
    this.#clock = clock;
  }

  get plugin() {
    return this.#plugin;
  }

  swap(plugin) {
    this.#plugin = plugin;
  }

  reset(device, { password, request, replacesPending }, context) {
    const parameters = (pending) => ({ request: requestOf(request, replacesPending, pending) });
    return this.#decide(device, { name: "reset", parameters, password }, context);
  }

  remove(device, { request, replacesPending } = {}, context) {
    const parameters = (pending) => ({ request: requestOf(request, replacesPending, pending) });
    return this.#decide(device, { name: "remove", parameters }, context);
  }

  report(device, command, outcome, context) {
    return this.#decide(device, { name: "report", parameters: () => ({ outcome }), subject: command }, context);
  }

  cancel(device, command, context) {
    return this.#decide(device, { name: "cancel", parameters: () => ({}), subject: command }, context);
  }

  expire(device, command, context) {
    return this.#decide(device, { name: "expire", parameters: () => ({}), subject: command }, context);
  }

  preview(device, { action, password, request, replacesPending }, context) {
    const parameters = (pending) => ({ action, request: requestOf(request, replacesPending, pending) });
    return this.#ask(device, { name: "preview", parameters, password }, context);
  }

  status(device, context) {
    return this.#ask(device, { name: "status", parameters: () => ({}) }, context);
  }

  policyOverride(device, context) {
    return this.#ask(device, { name: "policy-override", parameters: () => ({}) }, context);
  }

  async #decide(device, call, context) {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const plugin = this.#plugin;
      const state = await this.#load(device, context);
      const situation = await this.#situation(state);
      const { returned, effects } = await this.#run(plugin, state, situation, call);
      if ("err" in returned) {
        return returned;
      }
      const sent = effects.find((it) => "send" in it)?.send;
      const sealed = sent && (await this.transport.seal(state, sent, call.password ?? null));
      const decision = { function: call.name, command: sent?.id ?? call.subject, plugin: plugin.digest };
      const commit = { before: state, at: situation.now, effects, sealed, decision };
      if (await this.store.commit(commit, context)) {
        if (effects.length > 0) {
          await this.transport.notify(state, decision);
        }
        return returned;
      }
    }
    throw new Contended(`device ${device} was changed repeatedly at the same time: try again`);
  }

  async #ask(device, call, context) {
    const state = await this.#load(device, context);
    const { returned } = await this.#run(this.#plugin, state, await this.#situation(state), call);
    return returned;
  }

  async #run(plugin, state, situation, { name, parameters, subject: id, password }) {
    const device = state.device.id;
    const subject = id === undefined ? undefined : await this.store.command(device, id);
    if (id !== undefined && subject === undefined) {
      throw new UnknownCommand(`device ${device} has no command ${id}`);
    }
    return plugin.call(name, situation, parameters(state.pending), { subject, password });
  }

  async #load(device, context) {
    const state = await this.store.load(device, context);
    if (state === undefined) {
      throw new UnknownDevice(`there is no device ${device}`);
    }
    return state;
  }

  async #situation(state) {
    return {
      device: state.device,
      pending: state.pending ?? null,
      latest: state.latest ?? null,
      deployment: this.#deployment,
      capabilities: await this.transport.capabilities(state),
      online: await this.transport.isOnline(state),
      now: this.#clock().toISOString().replace(".000Z", "Z"),
    };
  }
}

function requestOf(request, replacesPending, pending) {
  const whole = { ...REQUEST, ...request };
  return replacesPending ? { ...whole, replaces: pending?.id ?? null } : whole;
}
