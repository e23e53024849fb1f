import { CANOPY_COMMAND } from "./canopy-dev.ts";
import { type StartedProcess, startProcess } from "./child-process.ts";

export interface TestPictureOptions {
  readonly width: number;
  readonly height: number;
  readonly kbps: number;
}

/** For tests with many players: each of them decodes and paints on the machine's cores. */
export const SMALL_PICTURE: TestPictureOptions = { width: 320, height: 180, kbps: 400 };

export const MEDIUM_PICTURE: TestPictureOptions = { width: 640, height: 360, kbps: 800 };

/** The built-in broadcaster's picture and tone, in another size than `canopy dev` publishes them; 30 pictures a second. */
export function publishTestPicture(url: string, picture: TestPictureOptions): StartedProcess {
  return startProcess(process.execPath, [
    ...[CANOPY_COMMAND, "broadcast", "test", "--to", url, "--fps", "30"],
    ...["--width", String(picture.width), "--height", String(picture.height)],
    ...["--video-bitrate", String(picture.kbps)],
  ]);
}
