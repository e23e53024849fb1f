import { parseRtmpUrl } from "@canopy/origin/rtmp-push";
import { createClock, type Logger } from "@canopy/runtime";
import { BroadcastError } from "./broadcast-error.ts";
import type { OpenSink } from "./encoded-packet.ts";
import { runFileSource } from "./file-source.ts";
import { MoqSink } from "./moq-sink.ts";
import { RtmpSink } from "./rtmp-sink.ts";
import { runTestSource } from "./test-source.ts";
import { WhipSink } from "./whip-sink.ts";

export { BroadcastError, type BroadcastErrorCode } from "./broadcast-error.ts";

export interface BroadcastOptions {
  /** "test" for the test picture, or the path of a media file, which is repeated endlessly. */
  readonly source: string;
  /** `rtmp://host[:port]/app/stream`, `http(s)://host[:port]/whip/path`, or `https://host:port[/root]` for MoQ. */
  readonly to: string;
  /** Broadcast path. For RTMP and WHIP it replaces the path of the URL; for MoQ it is required. */
  readonly broadcast?: string | undefined;
  readonly videoBitrateKbps?: number | undefined;
  /** Pixels, even. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly fps?: number | undefined;
  /** Distance of keyframes. Viewers join on one, so the default is 1 s. */
  readonly gopSeconds?: number | undefined;
  readonly audio?: boolean | undefined;
  /** Ends by itself after this time; endless if left out. */
  readonly durationSeconds?: number | undefined;
  /** Sent as `?jwt=`. */
  readonly token?: string | undefined;
}

export interface BroadcastDeps {
  readonly logger: Logger;
  /** Ends the broadcast; `runBroadcast` then resolves. */
  readonly signal: AbortSignal;
}

/**
 * Publishes a test picture or a file until the signal, the end of its duration, or an error of the source.
 * An unreachable target is no error: it is tried again for as long as the broadcast runs.
 */
export async function runBroadcast(options: BroadcastOptions, deps: BroadcastDeps): Promise<void> {
  const clock = createClock();
  const nowMs = (): number => clock.nowMs();
  const openSink = chooseSink(options, deps, nowMs);
  const title = options.broadcast ?? new URL(options.to).pathname.slice(1).replace(/^whip\//, "");
  const common = {
    width: even(options.width ?? 1280, "width"),
    height: even(options.height ?? 720, "height"),
    gopSeconds: options.gopSeconds ?? 1,
    videoBitrateBps: (options.videoBitrateKbps ?? 1500) * 1000,
    audio: options.audio ?? true,
    // WebRTC carries neither AAC nor B-frames.
    audioCodec: isWhip(options.to) ? ("opus" as const) : ("aac" as const),
    bFrames: !isWhip(options.to),
    durationMs: options.durationSeconds === undefined ? undefined : options.durationSeconds * 1000,
  };
  const sourceDeps = { ...deps, openSink, nowMs };
  if (options.source === "test") {
    await runTestSource({ ...common, fps: options.fps ?? 30, title }, sourceDeps);
  } else {
    await runFileSource({ ...common, path: options.source }, sourceDeps);
  }
}

function chooseSink(options: BroadcastOptions, deps: BroadcastDeps, nowMs: () => number): OpenSink {
  const url = targetUrl(options);
  switch (url.protocol) {
    case "rtmp:":
    case "rtmps:":
      checkRtmpUrl(url.href);
      return (formats) => new RtmpSink({ url: url.href, formats }, deps);
    case "http:":
    case "https:": {
      if (url.pathname.startsWith(WHIP_PREFIX))
        return (formats) => new WhipSink({ url: url.href, formats }, { ...deps, nowMs });
      if (url.protocol === "http:")
        throw new BroadcastError("bad_target", "an http:// target is WHIP: its path starts with /whip/");
      const { broadcast } = options;
      if (broadcast === undefined)
        throw new BroadcastError("bad_target", "a MoQ target needs a broadcast path");
      return (formats) => new MoqSink({ url: url.href, broadcast, formats }, { ...deps, nowMs });
    }
    default:
      throw new BroadcastError(
        "bad_target",
        `cannot publish to ${url.protocol}//: use rtmp://, http(s)://…/whip/… or https:// (MoQ)`,
      );
  }
}

const WHIP_PREFIX = "/whip/";

function isWhip(target: string): boolean {
  return /^https?:\/\/[^/]+\/whip\//.test(target);
}

function checkRtmpUrl(url: string): void {
  try {
    parseRtmpUrl(url);
  } catch (cause) {
    throw new BroadcastError("bad_target", "an RTMP target is rtmp://host[:port]/app/stream", { cause });
  }
}

function targetUrl(options: BroadcastOptions): URL {
  let url: URL;
  try {
    url = new URL(options.to);
  } catch (cause) {
    throw new BroadcastError("bad_target", "the target is not a URL", { cause });
  }
  if (/^rtmps?:$/.test(url.protocol) && options.broadcast !== undefined)
    url.pathname = `/${options.broadcast}`;
  if (isWhip(options.to) && options.broadcast !== undefined)
    url.pathname = `${WHIP_PREFIX}${options.broadcast}`;
  if (options.token !== undefined) url.searchParams.set("jwt", options.token);
  return url;
}

function even(pixels: number, name: string): number {
  if (!Number.isInteger(pixels) || pixels < 160 || pixels > 3840 || pixels % 2 !== 0) {
    throw new BroadcastError("bad_option", `${name} must be an even number of pixels from 160 to 3840`);
  }
  return pixels;
}
