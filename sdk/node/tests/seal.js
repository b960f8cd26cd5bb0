// Seals what a JSON object on stdin says, and prints it in base64: for a test that opens it with the project's agent.

import { text } from "node:stream/consumers";
import { seal } from "@mdm-password/host";

const given = JSON.parse(await text(process.stdin));
const bytes = (base64) => Buffer.from(base64, "base64");
const { device, command, password } = given;
const sealed = await seal(bytes(given.public_key), device, command, bytes(given.token_key), password);
console.log(Buffer.from(sealed).toString("base64"));
