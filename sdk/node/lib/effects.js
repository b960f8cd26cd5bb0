// The effects of a call: each is checked against the invariants of the contract, and buffered.

import { randomBytes } from "node:crypto";
import { Violation } from "./errors.js";
import { MAX_EFFECTS, MAX_LIST, MAX_TEXT_BYTES } from "./limits.js";
import { END_OF_CALENDAR, milliseconds } from "./times.js";

/** The action that a function may send. */
const SENDS = { reset: "reset", remove: "remove" };
const QUERIES = ["preview", "status", "policy-override"];

/** The effects of one call about one device. */
export class CallEffects {
  #function;
  #situation;
  #subject;
  #buffered = [];

  constructor(name, situation, subject) {
    this.#function = name;
    this.#situation = situation;
    this.#subject = subject;
  }

  /** Sends a command, and returns its id. */
  send(new_, hasSecret) {
    const { action, options, expires_at } = new_;
    const { now, latest } = this.#situation;
    if ((action === "reset") !== hasSecret) {
      throw new Violation(`it sent a ${action} ${hasSecret ? "with" : "without"} a secret`);
    }
    const end = expires_at === null ? Infinity : milliseconds(expires_at);
    if (end <= milliseconds(now) || (end !== Infinity && end >= END_OF_CALENDAR)) {
      throw new Violation(`it sent a command that expires at ${expires_at}, which is over already`);
    }
    const command = {
      id: idAfter(latest, milliseconds(now)),
      action,
      options,
      status: "pending",
      requested_at: now,
      completed_at: null,
      expires_at,
      late_outcome: null,
    };
    this.#push({ send: command });
    return command.id;
  }

  /** Gives a pending command its outcome. */
  complete(command, outcome) {
    checkTexts(outcome);
    const known = this.#command(command, "completed");
    if (this.#sent().includes(known)) {
      throw new Violation(`it completed command ${command}, which the same call sent`);
    }
    if (!this.#isPending(known)) {
      throw new Violation(`it completed command ${command} a second time`);
    }
    this.#push({ complete: { command, outcome } });
  }

  /** Keeps the outcome of a command that had another one. */
  keepLateOutcome(command, outcome) {
    checkTexts(outcome);
    if (this.#isPending(this.#command(command, "kept an outcome of"))) {
      throw new Violation(`it kept a late outcome of command ${command}, which is pending`);
    }
    this.#push({ "keep-late-outcome": { command, outcome } });
  }

  /** Begins or ends the override of the policy. */
  setPolicyOverride(command) {
    if (command !== null) {
      this.#command(command, "overrode the policy by");
    }
    const override = command && { command, since: this.#situation.now };
    this.#push({ "set-policy-override": override });
  }

  /** Checks the call as a whole, and returns its effects: ends come before beginnings. */
  decided(returned) {
    checkTexts(returned);
    if (isRefused(returned)) {
      return [];
    }
    const sent = this.#sent();
    const { pending } = this.#situation;
    const sends = SENDS[this.#function];
    if (QUERIES.includes(this.#function) && this.#buffered.length > 0) {
      throw new Violation(`${this.#function} made a change`);
    }
    const wrong = sent.find((it) => it.action !== sends);
    if (wrong !== undefined) {
      throw new Violation(`it sent a ${wrong.action} in a call of ${this.#function}`);
    }
    if (sends !== undefined && !sent.some((it) => it.id === returned.ok)) {
      throw new Violation("it accepted the request as a command that it had not sent");
    }
    if (sent.length > 1) {
      throw new Violation(`it sent ${sent.length} commands in one call`);
    }
    if (sent.length > 0 && pending !== null && this.#isPending(pending)) {
      throw new Violation(`it sent a command while ${pending.id} is pending, and did not complete it`);
    }
    return [...this.#buffered].sort((one, other) => ("send" in one) - ("send" in other));
  }

  #push(effect) {
    if (this.#buffered.length === MAX_EFFECTS) {
      throw new Violation(`it made more than ${MAX_EFFECTS} changes`);
    }
    this.#buffered.push(effect);
  }

  #sent() {
    return this.#buffered.flatMap(({ send }) => send ?? []);
  }

  /** The command of this id, among those of this device that the call knows of. */
  #command(id, effect) {
    const { pending, latest } = this.#situation;
    const known = [this.#subject, pending, latest, ...this.#sent()].find((it) => it?.id === id);
    if (known === undefined) {
      throw new Violation(`it ${effect} ${id.slice(0, 64)}, which is no command of this call's device`);
    }
    return known;
  }

  #isPending({ id, status }) {
    return status === "pending" && !this.#buffered.some(({ complete }) => complete?.command === id);
  }
}

/** Applies effects to a device and its commands, for stores that keep both in one document. */
export function applyEffects(device, commands, effects, at) {
  for (const effect of effects) {
    const [[name, value]] = Object.entries(effect);
    if (name === "send") {
      commands.push({ ...value });
    } else if (name === "set-policy-override") {
      device.policy_override = value;
    } else {
      const change = name === "complete"
        ? { status: value.outcome, completed_at: at }
        : { late_outcome: value.outcome };
      Object.assign(commands.find((it) => it.id === value.command) ?? {}, change);
    }
  }
}

/** Checks that each text and list of a plugin is bounded. */
export function checkTexts(value) {
  if (typeof value === "string" && Buffer.byteLength(value) > MAX_TEXT_BYTES) {
    throw new Violation(`it gave a text of ${Buffer.byteLength(value)} bytes, where ${MAX_TEXT_BYTES} are allowed`);
  }
  if (Array.isArray(value) && value.length > MAX_LIST) {
    throw new Violation(`it gave a list of ${value.length}, where ${MAX_LIST} are allowed`);
  }
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(checkTexts);
  }
}

function isRefused(returned) {
  return typeof returned === "object" && returned !== null && "err" in returned;
}

/** A UUID (version 7) of this time, and greater than that of the device's latest command if the clock went back. */
function idAfter(latest, now) {
  const time = latest === null ? now : Math.max(now, parseInt(latest.id.replaceAll("-", "").slice(0, 12), 16) + 1);
  const hex = time.toString(16).padStart(12, "0") + randomBytes(10).toString("hex");
  const variant = ((parseInt(hex[16], 16) & 3) | 8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `7${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20)].join("-");
}
