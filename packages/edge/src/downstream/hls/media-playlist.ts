import type { HlsSegment, SegmentWindow } from "./segment-window.ts";
import type { TimedEvent } from "./timed-events.ts";

/** The newest part of another rendition (EXT-X-RENDITION-REPORT). */
export interface RenditionReport {
  /** Relative to this playlist, without a query. */
  readonly uri: string;
  readonly lastSequence: number;
  readonly lastPart: number;
}

/** The least that a server may promise to be skippable (draft-pantos-hls-rfc8216bis §4.4.3.8). */
const SKIP_UNTIL_IN_TARGETS = 6;
const HOLD_BACK_IN_TARGETS = 3;
/** Three times is recommended, twice is the least (§4.4.3.8). */
const HOLD_BACK_IN_PARTS = 3;
const US_PER_SECOND = 1_000_000;
const US_PER_MS = 1_000;

export const TIMED_CLASS = "com.canopy.timed";

/** The head of a Media Playlist: all that does not depend on other renditions. `skips`: as a delta update. */
export function writePlaylist(
  window: SegmentWindow,
  events: readonly TimedEvent[],
  options: { readonly files: string; readonly skips: boolean },
): string {
  const { segments, plan, targetSeconds } = window;
  const first = segments[0];
  if (first === undefined) return "#EXTM3U\n";
  const { partTargetSeconds } = plan;
  const lines = [
    "#EXTM3U",
    "#EXT-X-VERSION:9",
    `#EXT-X-TARGETDURATION:${targetSeconds}`,
    `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${seconds(HOLD_BACK_IN_PARTS * partTargetSeconds)},CAN-SKIP-UNTIL=${SKIP_UNTIL_IN_TARGETS * targetSeconds},HOLD-BACK=${HOLD_BACK_IN_TARGETS * targetSeconds}`,
    `#EXT-X-PART-INF:PART-TARGET=${seconds(partTargetSeconds)}`,
    `#EXT-X-MEDIA-SEQUENCE:${first.sequence}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${first.era}`,
  ];
  if (segments.every(isIndependent)) lines.push("#EXT-X-INDEPENDENT-SEGMENTS");
  const skipped = options.skips ? window.countBefore(SKIP_UNTIL_IN_TARGETS * targetSeconds) : 0;
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  for (const event of events) lines.push(dateRange(event));
  let previous: HlsSegment | undefined = segments[skipped - 1];
  let init = Number.NaN;
  for (let index = skipped; index < segments.length; index += 1) {
    const segment = segments[index];
    if (segment === undefined) break;
    // A segment that has only begun is not listed before its first part is there.
    if (segment.parts.length === 0) break;
    // One for each: of two, the first may have come and gone in other renditions alone.
    for (let era = previous?.era ?? segment.era; era < segment.era; era += 1)
      lines.push("#EXT-X-DISCONTINUITY");
    if (segment.init !== init) {
      init = segment.init;
      lines.push(`#EXT-X-MAP:URI="${initName(window, init)}${options.files}"`);
    }
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${isoTime(segment.startUs)}`);
    if (segment.sequence >= window.partsFrom) pushParts(lines, window, segment, options.files);
    if (segment.isComplete) {
      lines.push(`#EXTINF:${seconds(segment.durationUs / US_PER_SECOND)},`);
      lines.push(`${segmentName(window, segment.sequence)}${options.files}`);
    }
    previous = segment;
  }
  const next = nextPart(window);
  lines.push(
    `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${partName(window, next.sequence, next.part)}${options.files}"`,
    "",
  );
  return lines.join("\n");
}

/** The lines that follow the head: where the other renditions are. */
export function writeReports(reports: readonly RenditionReport[], suffix: string): string {
  let text = "";
  for (const { uri, lastSequence, lastPart } of reports) {
    text += `#EXT-X-RENDITION-REPORT:URI="${uri}${suffix}",LAST-MSN=${lastSequence},LAST-PART=${lastPart}\n`;
  }
  return text;
}

/** Number of the part that will be there next. */
export function nextPart(window: SegmentWindow): { readonly sequence: number; readonly part: number } {
  const { latest } = window;
  if (latest === undefined || latest.isComplete) return { sequence: window.nextSequence, part: 0 };
  return { sequence: latest.sequence, part: latest.parts.length };
}

export function initName(window: SegmentWindow, init: number): string {
  return `${window.id}-init-${init}.mp4`;
}

export function segmentName(window: SegmentWindow, sequence: number): string {
  return `${window.id}-${sequence}.m4s`;
}

export function partName(window: SegmentWindow, sequence: number, part: number): string {
  return `${window.id}-${sequence}.${part}.m4s`;
}

function pushParts(lines: string[], window: SegmentWindow, segment: HlsSegment, files: string): void {
  segment.parts.forEach((part, index) => {
    const duration = seconds(part.durationUs / US_PER_SECOND);
    const independent = part.isIndependent ? ",INDEPENDENT=YES" : "";
    const uri = `${partName(window, segment.sequence, index)}${files}`;
    lines.push(`#EXT-X-PART:DURATION=${duration},URI="${uri}"${independent}`);
  });
}

function isIndependent(segment: HlsSegment): boolean {
  return segment.parts[0]?.isIndependent ?? true;
}

/** Base64 fits a quoted-string (§4.2), which JSON does not. */
function dateRange(event: TimedEvent): string {
  return `#EXT-X-DATERANGE:ID="${event.attributeId}",CLASS="${TIMED_CLASS}",START-DATE="${isoTime(event.atUs)}",DURATION=0,X-CANOPY-DATA="${event.base64}"`;
}

/** Without trailing zeros, exact to the microsecond. */
function seconds(value: number): string {
  const text = value.toFixed(6).replace(/0+$/, "");
  return text.endsWith(".") ? `${text}0` : text;
}

function isoTime(unixUs: number): string {
  return new Date(unixUs / US_PER_MS).toISOString();
}
