import { element } from "../element.ts";

/** Where each encoder has it. */
const SETTINGS: readonly (readonly [string, string, string])[] = [
  [
    "OBS, x264",
    "Settings › Output › Advanced › Streaming: Tune zerolatency, or in x264 Options",
    "bframes=0",
  ],
  ["OBS, NVENC", "Settings › Output › Advanced › Streaming", "Max B-frames 0"],
  ["OBS, QuickSync or AMD", "Settings › Output › Advanced › Streaming", "B-frames 0"],
  ["ffmpeg", "as an option of the encoder", "-bf 0"],
];

/** What to change so that WebRTC viewers, iPhones above all, get the broadcast with the least delay. */
export function bFramesAdvice(broadcast: string): HTMLElement {
  const rows = SETTINGS.flatMap(([encoder, where, value]) => [
    element("dt", {}, encoder),
    element("dd", {}, `${where}: `, element("code", {}, value)),
  ]);
  return element(
    "details",
    { class: "advice", id: `b-frames-${broadcast}` },
    element("summary", {}, "What to change"),
    element(
      "p",
      {},
      "Until then players that would use WebRTC go on with another transport by themselves. Start streaming anew after the change.",
    ),
    element("dl", {}, ...rows),
  );
}
