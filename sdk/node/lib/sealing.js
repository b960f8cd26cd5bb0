// Sealing a password to a device's key, as the project's agents open it: HPKE (RFC 9180) in base mode with DHKEM(P-256,
// HKDF-SHA256), HKDF-SHA256 and AES-128-GCM. A platform whose devices open something else needs none of this.

import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { milliseconds } from "./times.js";

const SUITE = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
const INFO = new TextEncoder().encode("mdm:password sealed command 1");
/** The length of an encapsulated key: an uncompressed point on P-256. */
const KEY_LENGTH = 65;
/** The length of a private key: a scalar. */
const SCALAR_LENGTH = 32;
const OPTIONS = ["lock-now", "require-entry", "no-credentials-on-boot"];

/** Makes a pair of keys: the private key, 32 bytes, and the public key, 65 bytes. */
export async function generateKey() {
  const { privateKey, publicKey } = await SUITE.kem.generateKeyPair();
  return {
    privateKey: new Uint8Array(await SUITE.kem.serializePrivateKey(privateKey)),
    publicKey: new Uint8Array(await SUITE.kem.serializePublicKey(publicKey)),
  };
}

/** Seals a password for one command of a device: the encapsulated key, 65 bytes, and the ciphertext. */
export async function seal(publicKey, device, command, tokenKey, password) {
  if (tokenKey.length !== SCALAR_LENGTH) {
    throw new Error("the token key is not a P-256 key (32 bytes)");
  }
  const recipientPublicKey = await SUITE.kem.deserializePublicKey(exact(publicKey));
  const sender = await SUITE.createSenderContext({ recipientPublicKey, info: INFO });
  const payload = Buffer.concat([tokenKey, Buffer.from(password ?? "")]);
  const ciphertext = await sender.seal(payload, binding(device, command));
  payload.fill(0);
  return Buffer.concat([new Uint8Array(sender.enc), new Uint8Array(ciphertext)]);
}

/** Opens what was sealed for this command, as a device does. Throws if it does not open. */
export async function openSealed(privateKey, device, command, sealed) {
  const recipientKey = await SUITE.kem.deserializePrivateKey(exact(privateKey));
  const enc = exact(sealed.subarray(0, KEY_LENGTH));
  const recipient = await SUITE.createRecipientContext({ recipientKey, enc, info: INFO });
  const opened = Buffer.from(await recipient.open(exact(sealed.subarray(KEY_LENGTH)), binding(device, command)));
  return {
    tokenKey: new Uint8Array(opened.subarray(0, SCALAR_LENGTH)),
    password: opened.subarray(SCALAR_LENGTH).toString(),
  };
}

/** The associated data: a line for each field. */
function binding(device, command) {
  const flags = OPTIONS.map((name) => `${name}=${command.options.includes(name)}\n`).join("");
  const expiry = command.expires_at === null ? "" : milliseconds(command.expires_at);
  const text = `device=${device}\ncommand=${command.id}\naction=${command.action}\n${flags}expires-at=${expiry}\n`;
  return new TextEncoder().encode(text);
}

/** A buffer with these bytes and no others: a Buffer of Node shares one with others. */
function exact(bytes) {
  return new Uint8Array(bytes).buffer;
}
