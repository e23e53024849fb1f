/** samplingFrequencyIndex 0 to 12, ISO/IEC 14496-3 table 1.18; 15 means that 24 explicit bits follow. */
export const SAMPLING_FREQUENCIES: readonly number[] = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

export const EXPLICIT_FREQUENCY = 15;

/** Channels by channelConfiguration, table 1.19; 0: described by a program_config_element. */
export const CHANNELS_BY_CONFIGURATION: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8];
