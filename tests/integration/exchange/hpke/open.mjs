// Opens the sealed part of a test vector and says what it found, as JSON: open.mjs VECTOR [changed-header]
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";

const [file, change] = process.argv.slice(2);
const bytes = (text) => Buffer.from(text, "base64");
const given = JSON.parse(readFileSync(file, "utf-8")).given;
const payload = JSON.parse(bytes(JSON.parse(bytes(given.envelope)).payload));
const header = bytes(payload.header);
if (change === "changed-header") header[header.length - 3] ^= 1;

const [key] = given.held.keys;
const kem = key.alg === "x-wing" ? new XWing() : new DhkemX25519HkdfSha256();
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const recipientKey = await kem.deserializePrivateKey(new Uint8Array(bytes(key.seed)));
const info = Buffer.concat([Buffer.from("shanhai/message/1\n"), createHash("sha256").update(header).digest()]);
const sealed = new Uint8Array(bytes(payload.sealed));
const enc = sealed.slice(0, kem.encSize);

try {
  const recipient = await suite.createRecipientContext({ recipientKey, enc, info });
  const plain = JSON.parse(Buffer.from(await recipient.open(sealed.slice(kem.encSize))));
  const sha256 = createHash("sha256").update(bytes(plain.body)).digest("hex");
  console.log(JSON.stringify({ alg: key.alg, body_sha256: sha256, keys: Object.keys(plain.keys).sort() }));
} catch (error) {
  console.log(JSON.stringify({ alg: key.alg, refused: error.name }));
}
