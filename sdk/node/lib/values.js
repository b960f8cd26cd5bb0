// Between the JSON form of the contract and the values that jco has for its types. In JavaScript, fields are in
// camelCase, a variant is { tag, val }, flags are an object of booleans, and a time is a BigInt of milliseconds.

import { milliseconds, rfc3339 } from "./times.js";

/** Fields that hold a variant. All other words are enums, which look the same in both. */
const VARIANTS = new Set(["status", "outcome", "late_outcome", "requirement"]);

/** The names of the flags, in a field `options`. */
const OPTIONS = ["lock-now", "require-entry", "no-credentials-on-boot"];

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** A value for jco. */
export function fromJson(value) {
  if (value === null) {
    return undefined;
  }
  if (typeof value === "string" && TIME.test(value)) {
    return BigInt(milliseconds(value));
  }
  if (Array.isArray(value)) {
    return value.map(fromJson);
  }
  if (!isObject(value)) {
    return value;
  }
  const fields = Object.entries(value).map(([name, field]) => [camelCase(name), fieldFromJson(name, field)]);
  return Object.fromEntries(fields);
}

function fieldFromJson(name, field) {
  if (name === "options") {
    return Object.fromEntries(OPTIONS.map((option) => [camelCase(option), field.includes(option)]));
  }
  return VARIANTS.has(name) ? variant(field) : fromJson(field);
}

/** A variant; the payload of a `failed` and of its `device` is a variant, too. */
export function variant(value) {
  if (value === null) {
    return undefined;
  }
  if (!isObject(value)) {
    return { tag: value };
  }
  const [[tag, payload]] = Object.entries(value);
  return { tag, val: ["failed", "device"].includes(tag) ? variant(payload) : payload };
}

/** The JSON form of a value of jco. */
export function toJson(value) {
  if (value === undefined || value === null) {
    return null;
  }
  if (typeof value === "bigint") {
    return rfc3339(value);
  }
  if (Array.isArray(value)) {
    return value.map(toJson);
  }
  if (!isObject(value)) {
    return value;
  }
  if ("tag" in value) {
    const { tag, val } = value;
    return val === undefined ? tag : { [tag]: toJson(val) };
  }
  const fields = Object.entries(value).map(([name, field]) => [
    snakeCase(name),
    name === "options" ? OPTIONS.filter((option) => field[camelCase(option)]) : toJson(field),
  ]);
  return Object.fromEntries(fields);
}

function camelCase(name) {
  return name.replace(/[_-]([a-z])/g, (_, letter) => letter.toUpperCase());
}

function snakeCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
