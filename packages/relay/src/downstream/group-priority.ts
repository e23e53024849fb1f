/**
 * Priority of a group's stream, 0 to 255, higher first. The track decides (catalog 100, timed 90, audio 80, video 60:
 * a player asks for these, and a subscriber that asks for 0 gets the track's own); inside a track the newest group
 * goes before older ones, or after them if the subscriber wants them in order. For that the lowest bit is used,
 * so neighbouring track priorities such as 80 and 81 count as one.
 */
export function groupPriority(
  subscriberPriority: number,
  trackPriority: number,
  ordered: boolean,
  isNewest: boolean,
): number {
  const wanted = subscriberPriority === 0 ? trackPriority : subscriberPriority;
  const track = Math.min(255, Math.max(0, wanted)) & 0xfe;
  return isNewest === ordered ? track : track | 1;
}
