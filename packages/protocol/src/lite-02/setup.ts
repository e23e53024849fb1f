import type { ByteReader } from "../codec/byte-reader.ts";
import type { LegacyClientSetup, LegacyServerSetup, MessageCodec, SetupCodec } from "../dialect.ts";
import { MAX_SETUP_PARAMETERS } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";

/** lite-02 in the version lists of the legacy SETUP (moq-lite, versions). */
export const LITE_02_VERSION_NUMBER = 0xff0dad02;

/** Clients of all generations together list fewer. */
const MAX_OFFERED_VERSIONS = 64;

/** `count i, count x {id i, even id: value i | odd id: len i + bytes}`; none of them matters here. */
function skipParameters(body: ByteReader): void {
  const count = body.varint();
  if (count > MAX_SETUP_PARAMETERS) {
    throw new ProtocolError("too-many-parameters", `${count} parameters in SETUP`);
  }
  for (let index = 0; index < count; index++) {
    if (body.varint() % 2 === 0) {
      body.skipVarint();
    } else {
      body.bytes(body.varint());
    }
  }
}

/** CLIENT_SETUP: `u16 length, count i, count x version i, parameters`. */
const client: MessageCodec<LegacyClientSetup> = {
  write(writer, message) {
    const bodyLength = 2 + 8 * message.versions.length;
    writer.u16(bodyLength);
    writer.varint(message.versions.length);
    for (const version of message.versions) {
      writer.varint(version);
    }
    writer.varint(0);
  },
  read(body) {
    const count = body.varint();
    if (count > MAX_OFFERED_VERSIONS) {
      throw new ProtocolError("too-large", `${count} versions in SETUP`);
    }
    const versions: number[] = [];
    for (let index = 0; index < count; index++) {
      versions.push(body.varint());
    }
    skipParameters(body);
    body.end();
    return { versions };
  },
};

/** SERVER_SETUP: `u16 length, version i, parameters`. */
const server: MessageCodec<LegacyServerSetup> = {
  write(writer, message) {
    writer.u16(9);
    writer.varint(message.version);
    writer.varint(0);
  },
  read(body) {
    const message = { version: body.varint() };
    skipParameters(body);
    body.end();
    return message;
  },
};

export const setupCodec: SetupCodec = {
  kind: "legacy",
  client,
  server,
  versionNumber: LITE_02_VERSION_NUMBER,
};
