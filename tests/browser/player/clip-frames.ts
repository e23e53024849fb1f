/** One encoded frame of a test clip; times from the start of the clip. */
export interface ClipFrame {
  readonly decodeUs: number;
  readonly timestampUs: number;
  readonly isKey: boolean;
  /** Base64, so that it travels into the page as JSON. */
  readonly data: string;
}

/** A test clip that a page plays in a loop, as a publisher would send it. */
export interface ClipFrames {
  readonly durationUs: number;
  readonly frameUs: number;
  /** Time of frame number 0. */
  readonly firstFrameUs: number;
  readonly bFrames: boolean;
  readonly width: number;
  readonly height: number;
  readonly videoCodec: string;
  readonly audioCodec: string;
  readonly audioDescription: string;
  /** Decode order. */
  readonly video: readonly ClipFrame[];
  readonly audio: readonly ClipFrame[];
}
