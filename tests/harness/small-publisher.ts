import { CANOPY_COMMAND } from "./canopy-dev.ts";
import { type StartedProcess, startProcess } from "./child-process.ts";

/** A broadcaster over RTMP that costs little: a small test picture, 15 pictures a second, a keyframe every second. */
export function startSmallPublisher(rtmpPort: number, broadcast: string): StartedProcess {
  const target = ["--to", `rtmp://127.0.0.1:${rtmpPort}/${broadcast}`];
  const picture = [
    "--width",
    "320",
    "--height",
    "180",
    "--fps",
    "15",
    "--gop",
    "1",
    "--video-bitrate",
    "200",
  ];
  return startProcess(process.execPath, [
    CANOPY_COMMAND,
    "broadcast",
    "test",
    ...target,
    ...picture,
    "--no-audio",
  ]);
}
