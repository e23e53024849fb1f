/**
 * The worker between depacketizing and decoding, as the text of a script: a page of whatever bundler, or of none, starts
 * it from a Blob. Passes every frame on as it is; of those with SEI it sends what stands in front of the first slice,
 * and the frame's RTP timestamp, to the page: before the frame goes on, so that the page has it first.
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

function pass(readable, writable) {
  const transform = (frame, controller) => {
    const head = seiHead(frame.data);
    const rtp = head && (frame.getMetadata().rtpTimestamp ?? frame.timestamp);
    if (head && rtp !== undefined) postMessage({ rtp, head }, [head.buffer]);
    controller.enqueue(frame);
  };
  // It ends with the peer connection.
  readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
}

// RTCRtpScriptTransform (W3C webrtc-encoded-transform).
self.onrtctransform = ({ transformer }) => pass(transformer.readable, transformer.writable);
// createEncodedStreams, the form of before: the page hands the streams over.
self.onmessage = ({ data }) => pass(data.readable, data.writable);
postMessage("ready");
`;
