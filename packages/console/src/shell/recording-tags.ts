/** Classes of the tag that says in which state a recording is, of a broadcast or of a room. */
export const RECORDING_TAGS: Readonly<Record<string, string>> = {
  recording: "tag bad live",
  waiting: "tag warn",
  finishing: "tag warn",
  failed: "tag bad",
  ready: "tag good",
};
