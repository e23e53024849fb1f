/** What a session has refused or dropped. Grows only. */
export interface SessionCounters {
  /** Streams of an unknown type, or of one that the version does not have. */
  unknownStreams: number;
  /** Streams over a limit of `MoqLimits`. */
  streamsOverLimit: number;
  /** Group streams and datagrams for a subscription that is not open. */
  groupsWithoutSubscription: number;
  /** Streams that ended by a ProtocolError. */
  malformedStreams: number;
  /** Datagrams that could not be read. */
  malformedDatagrams: number;
  /** Announcements whose hop chain holds our own id. */
  loopedAnnouncements: number;
  /** Requests without a reply in time. */
  timeouts: number;
  /** Own requests refused because too many wait. */
  requestsRefused: number;
}

export function createSessionCounters(): SessionCounters {
  return {
    unknownStreams: 0,
    streamsOverLimit: 0,
    groupsWithoutSubscription: 0,
    malformedStreams: 0,
    malformedDatagrams: 0,
    loopedAnnouncements: 0,
    timeouts: 0,
    requestsRefused: 0,
  };
}
