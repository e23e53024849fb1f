export {
  type H264AccessUnit,
  H264Depacketizer,
  type H264DepacketizerDeps,
  type H264DepacketizerOptions,
  MAX_ACCESS_UNIT_BYTES,
} from "./h264-depacketizer.ts";
export { DEFAULT_MAX_PAYLOAD_BYTES, H264Packetizer, type H264PacketizerOptions } from "./h264-packetizer.ts";
export * from "./header-extension.ts";
export { compactNtp, type NtpTime, ntpOfUnixUs, unixUsOfNtp } from "./ntp-time.ts";
export { MAX_OPUS_PACKET_BYTES, OpusPacketizer } from "./opus-packetizer.ts";
export { ReceptionStatistics } from "./reception-statistics.ts";
export {
  MAX_REDUNDANT_BLOCKS,
  parseRedundantAudio,
  primaryOfRedundantAudio,
  type RedundantBlock,
} from "./redundant-audio.ts";
export { restoreRetransmitted } from "./retransmission.ts";
export {
  type EstimatedBitrate,
  encodeEstimatedBitrate,
} from "./rtcp/estimated-bitrate.ts";
export { encodeGenericNack, type GenericNack, MAX_NACK_ENTRIES } from "./rtcp/generic-nack.ts";
export {
  MAX_RTCP_BYTES,
  MAX_RTCP_PACKETS,
  parseRtcp,
  type RtcpLimits,
  type RtcpPacket,
} from "./rtcp/parse-rtcp.ts";
export {
  encodeFullIntraRequest,
  encodePictureLossIndication,
  type FullIntraRequest,
  type PictureLossIndication,
} from "./rtcp/picture-loss.ts";
export {
  encodeReceiverReport,
  encodeSenderReport,
  type ReceiverReport,
  type ReportBlock,
  type SenderReport,
} from "./rtcp/reports.ts";
export {
  encodeGoodbye,
  encodeSourceDescription,
  type Goodbye,
  type SourceDescription,
} from "./rtcp/source-description.ts";
export {
  encodeTransportFeedback,
  MAX_FEEDBACK_GAP_US,
  MAX_FEEDBACK_STATUSES,
  NOT_RECEIVED,
  type TransportFeedback,
} from "./rtcp/transport-feedback.ts";
export * from "./rtp-header.ts";
export { RtpStream, type RtpStreamOptions } from "./rtp-stream.ts";
export {
  mediaClockOffset,
  OPUS_CLOCK_RATE,
  rtpTimestampOfUs,
  usOfRtpTicks,
  VIDEO_CLOCK_RATE,
} from "./rtp-timestamp.ts";
export { nextSequence, SequenceUnwrapper, sequenceDistance, timestampDistance } from "./sequence-number.ts";
export { TransportFeedbackRecorder } from "./transport-feedback-recorder.ts";
