import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { readClockCode } from "../../packages/cli/src/broadcast/clock-code.ts";

/** Width that pictures are scaled to before their clock is read. */
const SCALED_WIDTH = 640;
const SCALED_HEIGHT = 360;
/** The clock is in the top eighth. */
const STRIP_BYTES = SCALED_WIDTH * (SCALED_HEIGHT / 8);

/** One user_data_unregistered SEI message as ffmpeg's own parser reads it. */
export interface TracedUserData {
  /** Index of the access unit in the stream. */
  readonly unit: number;
  /** UUID and payload. */
  readonly bytes: Buffer;
}

async function runFfmpeg(
  args: readonly string[],
  read: (child: ReturnType<typeof spawn>) => Promise<void>,
): Promise<void> {
  const child = spawn("ffmpeg", ["-hide_banner", "-nostdin", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  await Promise.all([read(child), exited]);
  const code = await exited;
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`);
}

/** Reads an Annex B file with ffmpeg's trace_headers, which splits it into access units by itself. */
export async function traceUserData(
  file: string,
): Promise<{ readonly units: number; readonly messages: TracedUserData[] }> {
  const messages: { unit: number; bytes: number[] }[] = [];
  let units = 0;
  await runFfmpeg(
    ["-f", "h264", "-i", file, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"],
    async (child) => {
      child.stdout?.resume();
      if (child.stderr === null) throw new Error("no output");
      for await (const line of createInterface({ input: child.stderr })) {
        if (!line.startsWith("[trace_headers @")) continue;
        const text = line.slice(line.indexOf("] ") + 2);
        if (text.startsWith("Packet:")) units++;
        else if (text.startsWith("User Data Unregistered")) messages.push({ unit: units - 1, bytes: [] });
        const field = /^\d+\s+(?:uuid_iso_iec_11578|user_data_payload_byte)\[\d+\]\s+[01]+ = (\d+)$/.exec(
          text,
        );
        if (field !== null) messages.at(-1)?.bytes.push(Number(field[1]));
      }
    },
  );
  return { units, messages: messages.map(({ unit, bytes }) => ({ unit, bytes: Buffer.from(bytes) })) };
}

/** Frame numbers burnt into the pictures of an Annex B file, in presentation order, decoded by ffmpeg. */
export async function readBurntInNumbers(file: string): Promise<(number | undefined)[]> {
  const numbers: (number | undefined)[] = [];
  const filter = `scale=${SCALED_WIDTH}:${SCALED_HEIGHT},crop=iw:ih/8:0:0,format=gray`;
  const args = ["-v", "error", "-f", "h264", "-i", file, "-vsync", "0", "-vf", filter, "-f", "rawvideo", "-"];
  await runFfmpeg(args, async (child) => {
    child.stderr?.resume();
    if (child.stdout === null) throw new Error("no output");
    let rest = Buffer.alloc(0);
    for await (const chunk of child.stdout) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      let start = 0;
      for (; rest.length - start >= STRIP_BYTES; start += STRIP_BYTES) {
        const data = rest.subarray(start, start + STRIP_BYTES);
        numbers.push(
          readClockCode({ data, width: SCALED_WIDTH, height: SCALED_HEIGHT, bytesPerPixel: 1 })?.frame,
        );
      }
      rest = rest.subarray(start);
    }
  });
  return numbers;
}
