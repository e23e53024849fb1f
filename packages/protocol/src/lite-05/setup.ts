import { ByteReader } from "../codec/byte-reader.ts";
import type { ByteWriter } from "../codec/byte-writer.ts";
import { decodeUtf8, encodeUtf8 } from "../codec/utf8.ts";
import { varintLength } from "../codec/varint.ts";
import type { MessageCodec, SetupCodec } from "../dialect.ts";
import { MAX_SETUP_PARAMETERS } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { PeerSetup } from "../session-interface.ts";

/** Parameter ids (moq-lite, SETUP). */
const PROBE = 1;
const PATH = 2;
const ROLE = 3;
const ORIGIN = 5;

const ROLES = ["both", "publisher", "subscriber"] as const;

function writeNumber(writer: ByteWriter, id: number, value: number): void {
  writer.varint(id);
  writer.varint(varintLength(value));
  writer.varint(value);
}

/** `msg{ count i, count x { id i, len i, value } }`. A duplicate id is a violation, an unknown one is passed over. */
const message: MessageCodec<PeerSetup> = {
  write(writer, setup) {
    const role = ROLES.indexOf(setup.role);
    const present = [setup.probeLevel > 0, setup.path !== undefined, role > 0, setup.originId !== undefined];
    const start = writer.beginMessage();
    writer.varint(present.filter(Boolean).length);
    if (setup.probeLevel > 0) {
      writeNumber(writer, PROBE, setup.probeLevel);
    }
    if (setup.path !== undefined) {
      const path = encodeUtf8(setup.path);
      writer.varint(PATH);
      writer.varint(path.length);
      writer.bytes(path);
    }
    if (role > 0) {
      writeNumber(writer, ROLE, role);
    }
    if (setup.originId !== undefined) {
      writeNumber(writer, ORIGIN, setup.originId);
    }
    writer.endMessage(start);
  },
  read(body) {
    const count = body.varint();
    if (count > MAX_SETUP_PARAMETERS) {
      throw new ProtocolError("too-many-parameters", `${count} parameters in SETUP`);
    }
    const values = new Map<number, Uint8Array>();
    for (let index = 0; index < count; index++) {
      const id = body.varint();
      if (values.has(id)) {
        throw new ProtocolError("violation", `parameter ${id} twice in SETUP`);
      }
      values.set(id, body.bytes(body.varint()));
    }
    body.end();
    const path = values.get(PATH);
    return {
      path: path === undefined ? undefined : decodeUtf8(path),
      originId: readNumber(values.get(ORIGIN)),
      probeLevel: readNumber(values.get(PROBE)) ?? 0,
      role: readRole(values.get(ROLE)),
    };
  },
};

function readNumber(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const reader = new ByteReader(value);
  const number = reader.varint();
  reader.end();
  return number;
}

function readRole(value: Uint8Array | undefined): PeerSetup["role"] {
  const role = ROLES[readNumber(value) ?? 0];
  if (role === undefined) {
    throw new ProtocolError("violation", "an unknown role in SETUP");
  }
  return role;
}

export const setupCodec: SetupCodec = { kind: "stream", message };
