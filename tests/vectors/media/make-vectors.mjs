// Makes the vectors of this folder with the ffmpeg and ffprobe that are installed: `node tests/vectors/media/make-vectors.mjs`.
// Each file holds one short stream of a real encoder as hex, and what ffprobe says about it, which is the
// independent opinion that the tests compare with. Files stay below 20 KB.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), "canopy-vectors-"));
const MAX_BYTES = 20_000;

const run = (program, args) => execFileSync(program, args, { maxBuffer: 1 << 26, stdio: ["ignore", "pipe", "pipe"] });
const encode = (args, file) => run("ffmpeg", ["-v", "error", "-y", "-fflags", "+bitexact", ...args, join(work, file)]);
const bytesOf = (file) => readFileSync(join(work, file));

function probe(file, more = []) {
  const entries =
    "stream=profile,level,width,height,coded_width,coded_height,has_b_frames,r_frame_rate,sample_aspect_ratio,pix_fmt,color_range,color_primaries,color_transfer,color_space,field_order,refs:packet=pts,dts,size,flags:frame=pict_type,key_frame";
  const text = run("ffprobe", ["-v", "error", ...more, "-show_entries", entries, "-of", "json", join(work, file)]);
  const { streams, packets_and_frames: both, packets, frames } = JSON.parse(text.toString());
  const list = frames ?? both ?? [];
  return { stream: streams[0], pictures: list.map((frame) => frame.pict_type).filter(Boolean), packets: packets?.length };
}

function save(name, value) {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  if (text.length > MAX_BYTES) throw new Error(`${name}: ${text.length} bytes`);
  writeFileSync(join(here, `${name}.json`), text);
  console.log(name, text.length);
}

const moving = (size, rate = "30") => ["-f", "lavfi", "-i", `testsrc2=s=${size}:r=${rate}`];
const flat = (size, rate = "25") => ["-f", "lavfi", "-i", `color=c=0x336699:s=${size}:r=${rate}`];
const x264 = (params, frames, more = []) =>
  ["-frames:v", String(frames), "-c:v", "libx264", "-crf", "45", "-threads", "1", ...more, "-x264-params", params];

const H264 = {
  "h264-baseline": [...moving("160x90"), ...x264("aud=1:keyint=4:slices=1", 6, ["-profile:v", "baseline", "-pix_fmt", "yuv420p"])],
  "h264-main": [...moving("160x90"), ...x264("keyint=4:bframes=0:annexb=1", 6, ["-profile:v", "main", "-pix_fmt", "yuv420p"])],
  "h264-high-b-frames": [...moving("160x90"), ...x264("aud=1:keyint=8:bframes=2:b-adapt=0", 8, ["-profile:v", "high", "-pix_fmt", "yuv420p"])],
  "h264-high-interlaced-1080": [
    ...flat("1920x1080"),
    ...x264("aud=1:interlaced=1:tff=1:keyint=2:bframes=0", 3, ["-profile:v", "high", "-flags", "+ilme+ildct", "-pix_fmt", "yuv420p", "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"]),
  ],
  "h264-high-cropped-1080": [...flat("1920x1080", "60000/1001"), ...x264("aud=1:keyint=2:bframes=0", 3, ["-profile:v", "high", "-pix_fmt", "yuv420p"])],
  "h264-sliced-zerolatency": [...moving("160x90"), ...x264("aud=1:keyint=3:slices=4", 4, ["-tune", "zerolatency", "-profile:v", "high", "-pix_fmt", "yuv420p"])],
  "h264-hrd-anamorphic": [
    ...moving("160x128", "25"),
    "-vf", "setsar=64/45",
    ...x264("aud=1:keyint=3:nal-hrd=cbr:vbv-maxrate=100:vbv-bufsize=100:bitrate=100:bframes=0", 3, ["-profile:v", "main", "-pix_fmt", "yuv420p"]),
  ],
  "h264-high444-scaling-lists": [...moving("98x62"), ...x264("aud=1:keyint=3:cqm=jvt:bframes=0", 3, ["-profile:v", "high444", "-pix_fmt", "yuv444p"])],
  // x264 leaves bitstream_restriction out of the intra profiles.
  "h264-high10-intra": [...moving("96x64"), ...x264("aud=1:keyint=1", 2, ["-profile:v", "high10", "-pix_fmt", "yuv420p10le"])],
};

const x265 = (params, frames, more = []) =>
  ["-frames:v", String(frames), "-c:v", "libx265", "-crf", "45", ...more, "-x265-params", `log-level=error:pools=1:frame-threads=1:${params}`];

const HEVC = {
  "hevc-main": [...moving("160x90"), ...x265("aud=1:keyint=4:bframes=0:repeat-headers=1", 5, ["-pix_fmt", "yuv420p"])],
  "hevc-main10-b-frames": [...moving("160x90", "50"), ...x265("aud=1:keyint=8:bframes=3:repeat-headers=1:scaling-list=default", 8, ["-pix_fmt", "yuv420p10le"])],
  "hevc-cropped-1080": [...flat("1920x1080", "30000/1001"), ...x265("keyint=2:bframes=0:repeat-headers=1", 2, ["-pix_fmt", "yuv420p"])],
};

for (const [vectors, codec] of [[H264, "h264"], [HEVC, "hevc"]]) {
  for (const [name, args] of Object.entries(vectors)) {
    const file = `${name}.${codec}`;
    encode([...args, "-f", codec], file);
    const { stream, pictures } = probe(file);
    save(name, { name, codec, madeWith: args.join(" "), ffprobe: stream, pictures, hex: bytesOf(file).toString("hex") });
  }
}

// FLV bodies as ffmpeg's muxer sends them over RTMP: metadata, avcC, AudioSpecificConfig, frames with composition times.
encode(
  [
    ...moving("160x90"), "-f", "lavfi", "-i", "sine=r=44100", "-t", "0.25",
    "-c:v", "libx264", "-crf", "48", "-threads", "1", "-profile:v", "high", "-pix_fmt", "yuv420p", "-x264-params", "keyint=30:bframes=2:b-adapt=0",
    "-c:a", "aac", "-b:a", "32k", "-ac", "2", "-f", "flv",
  ],
  "av.flv",
);
{
  const bytes = bytesOf("av.flv");
  const tags = [];
  for (let at = 9 + 4; at < bytes.length; ) {
    const size = bytes.readUIntBE(at + 1, 3);
    tags.push({ type: bytes[at], timestampMs: bytes.readUIntBE(at + 4, 3), hex: bytes.toString("hex", at + 11, at + 11 + size) });
    at += 11 + size + 4;
  }
  const text = run("ffprobe", ["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts,dts", "-of", "json", join(work, "av.flv")]);
  save("flv-h264-aac", { name: "flv-h264-aac", videoPackets: JSON.parse(text.toString()).packets, tags });
}

for (const [name, args] of Object.entries({
  "aac-adts-44100-stereo": ["-f", "lavfi", "-i", "sine=r=44100", "-t", "0.1", "-ac", "2", "-b:a", "48k"],
  "aac-adts-48000-5.1": ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=5.1", "-t", "0.1", "-b:a", "128k"],
})) {
  encode([...args, "-c:a", "aac", "-f", "adts"], `${name}.aac`);
  const text = run("ffprobe", ["-v", "error", "-show_entries", "stream=sample_rate,channels:packet=size", "-of", "json", join(work, `${name}.aac`)]);
  const { streams, packets } = JSON.parse(text.toString());
  save(name, { name, ffprobe: streams[0], packetSizes: packets.map((packet) => Number(packet.size)), hex: bytesOf(`${name}.aac`).toString("hex") });
}

/** Packets of an Ogg file with one logical stream (RFC 3533 §6). */
function oggPackets(bytes) {
  const packets = [];
  let open = [];
  for (let at = 0; at < bytes.length; ) {
    const segments = bytes[at + 26];
    let body = at + 27 + segments;
    for (let i = 0; i < segments; i += 1) {
      const size = bytes[at + 27 + i];
      open.push(bytes.subarray(body, body + size));
      body += size;
      if (size < 255) {
        packets.push(Buffer.concat(open));
        open = [];
      }
    }
    at = body;
  }
  return packets;
}

const opus = [];
for (const durationMs of ["2.5", "5", "10", "20", "40", "60"]) {
  for (const channels of ["1", "2"]) {
    const file = `opus-${durationMs}-${channels}.ogg`;
    encode(["-f", "lavfi", "-i", "sine=r=48000", "-t", "0.2", "-ac", channels, "-c:a", "libopus", "-b:a", "24k", "-frame_duration", durationMs, "-f", "ogg"], file);
    const [head, , ...packets] = oggPackets(bytesOf(file));
    opus.push({ durationMs: Number(durationMs), channels: Number(channels), head: head.toString("hex"), packets: packets.slice(0, 2).map((packet) => packet.toString("hex")) });
  }
}
save("opus-packets", { name: "opus-packets", streams: opus });

rmSync(work, { recursive: true });
