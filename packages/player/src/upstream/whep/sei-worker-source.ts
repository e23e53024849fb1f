/**
 * The worker between depacketizing and decoding, as the text of a script: a page of whatever bundler, or of none, starts
 * it from a Blob. Passes every frame on as it is; of those with SEI it sends what stands in front of the first slice,
 * and the frame's RTP timestamp, to the page: before the frame goes on, so that the page has it first. Keyframes wait here,
 * with what follows them, until the page has the picture in front of them (see `KeyframeGate`).
 */
export const SEI_WORKER_SOURCE = `
// Parameter sets, and 8 kB of messages a second at most: a head is never this long.
const MAX_HEAD_BYTES = 16384;

// The NAL units in front of the first slice of an H.264 frame (Annex B), if there is SEI among them: a copy.
function seiHead(data) {
  const bytes = new Uint8Array(data);
  const end = Math.min(bytes.length, MAX_HEAD_BYTES);
  let hasSei = false;
  for (let at = 0; at + 3 < end; at += 1) {
    if (bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 2] !== 1) continue;
    const type = bytes[at + 3] & 31;
    if (type === 6) hasSei = true;
    if (type >= 1 && type <= 5) return hasSei ? bytes.slice(0, at + 4) : undefined;
    at += 3;
  }
  return undefined;
}

// Frames that wait: three seconds of them.
const MAX_HELD = 90;
let isGated = false;
let held = [];
let newest;

// RTP timestamps come round.
function isAfter(rtp, other) {
  const ahead = (rtp - other) >>> 0;
  return ahead !== 0 && ahead < 2 ** 31;
}

function letOn({ frame, rtp, controller }) {
  if (newest === undefined || isAfter(rtp, newest)) newest = rtp;
  controller.enqueue(frame);
}

function take(each) {
  const { frame, rtp } = each;
  if (held.length > 0) {
    // What was sent again for the pictures in front of the keyframe must come in front of it.
    if (isAfter(held[0].rtp, rtp)) letOn(each);
    else if (held.push(each) >= MAX_HELD) release();
  } else if (isGated && frame.type === "key" && newest !== undefined && isAfter(rtp, newest)) {
    held.push(each);
    postMessage({ awaits: newest });
  } else letOn(each);
}

// The first keyframe goes on, and what follows it up to the next one.
function release() {
  const [first, ...rest] = held;
  held = [];
  if (first) letOn(first);
  for (const each of rest) take(each);
}

function pass(readable, writable) {
  held = [];
  newest = undefined;
  const transform = (frame, controller) => {
    const head = seiHead(frame.data);
    const rtp = head || isGated ? (frame.getMetadata().rtpTimestamp ?? frame.timestamp) : undefined;
    if (head && rtp !== undefined) postMessage({ rtp, head }, [head.buffer]);
    if (isGated && rtp !== undefined) take({ frame, rtp, controller });
    else controller.enqueue(frame);
  };
  // It ends with the peer connection.
  readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
}

// RTCRtpScriptTransform (W3C webrtc-encoded-transform).
self.onrtctransform = ({ transformer }) => pass(transformer.readable, transformer.writable);
self.onmessage = ({ data }) => {
  // createEncodedStreams, the form of before: the page hands the streams over.
  if (data.readable) pass(data.readable, data.writable);
  else if (data.release !== undefined) {
    if (held.length > 0 && newest === data.release) release();
  } else {
    isGated = data.isGated;
    while (!isGated && held.length > 0) release();
  }
};
postMessage("ready");
`;
