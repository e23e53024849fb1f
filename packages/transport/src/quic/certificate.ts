import { createHash, createPrivateKey, generateKeyPair, randomBytes, sign } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
import { promisify } from "node:util";
import {
  der,
  derBits,
  derInteger,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUtf8,
} from "./der.ts";

/** Browsers accept pinned certificates of at most 14 days; a clock that is off by a day must not matter. */
const LIFETIME_MS = 12 * 24 * 3_600_000;
const BACKDATED_MS = 24 * 3_600_000;
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const COMMON_NAME = "2.5.4.3";
const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
/** X.509 version 3. */
const VERSION_3 = 2;
const DNS_NAME_TAG = 0x82;
const IP_ADDRESS_TAG = 0x87;
const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;

export interface DevelopmentCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** SHA-256 of the DER, lower-case hex, as `serverCertificateHashes` and `verify.sha256` want it. */
  readonly sha256Hex: string;
  readonly notAfter: Date;
}

/**
 * A self-signed ECDSA P-256 certificate (RFC 5280) for these names and addresses, valid for less than 14 days in
 * all, as browsers demand of certificates that are pinned by hash.
 */
export async function createDevelopmentCertificate(
  hosts: readonly string[],
): Promise<DevelopmentCertificate> {
  const keys = await promisify(generateKeyPair)("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const nowMs = Date.now();
  const notAfter = new Date(nowMs + LIFETIME_MS);
  const algorithm = derSequence(derOid(ECDSA_WITH_SHA256));
  const name = derSequence(derSet(derSequence(derOid(COMMON_NAME), derUtf8("Canopy development"))));
  const body = derSequence(
    der(VERSION_TAG, derInteger(Buffer.from([VERSION_3]))),
    derInteger(serialNumber()),
    algorithm,
    name,
    derSequence(derTime(new Date(nowMs - BACKDATED_MS)), derTime(notAfter)),
    name,
    keys.publicKey,
    der(EXTENSIONS_TAG, extensions(hosts)),
  );
  const signature = sign("sha256", body, createPrivateKey(keys.privateKey));
  const certificate = derSequence(body, algorithm, derBits(signature));
  return {
    certPem: encodePem("CERTIFICATE", certificate),
    keyPem: keys.privateKey,
    sha256Hex: createHash("sha256").update(certificate).digest("hex"),
    notAfter,
  };
}

function extensions(hosts: readonly string[]): Buffer {
  const names = hosts.map((host) =>
    isIP(host) === 0 ? der(DNS_NAME_TAG, Buffer.from(host)) : der(IP_ADDRESS_TAG, ipBytes(host)),
  );
  return derSequence(
    // It is its own authority, so that it also serves as a `ca` file.
    derSequence(derOid(BASIC_CONSTRAINTS), derTrue(), derOctets(derSequence(derTrue()))),
    // digitalSignature is bit 0, keyCertSign bit 5; the last two bits of the byte are unused.
    derSequence(derOid(KEY_USAGE), derTrue(), derOctets(derBits(Buffer.from([0x84]), 2))),
    derSequence(derOid(EXTENDED_KEY_USAGE), derOctets(derSequence(derOid(SERVER_AUTH)))),
    derSequence(derOid(SUBJECT_ALTERNATIVE_NAME), derOctets(derSequence(...names))),
  );
}

/** Positive and without leading zeros, so that its DER form is the shortest. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function ipBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((part) => Number.parseInt(part, 16));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - first.length - last.length).fill(0);
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...first, ...middle, ...last].entries())
    bytes.writeUInt16BE(group, index * 2);
  return bytes;
}

function encodePem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").replace(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
