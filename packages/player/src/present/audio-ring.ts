/** Which media time is heard at which time of the audio context. */
export interface AudioLine {
  /** Context time, s. */
  readonly contextTime: number;
  readonly mediaUs: number;
  /** Media seconds per context second; 0 = silence. */
  readonly rate: number;
}

export interface AudioRingReport {
  /** Media time at the read position, µs; -1 while silent. */
  readonly mediaUs: number;
  /** Seconds of samples ahead of the read position. */
  readonly bufferedS: number;
  /** Times that samples were missing. */
  readonly underruns: number;
  /** Cuts because the read position was too far from the line. */
  readonly jumps: number;
  /** Largest sample since the last report. */
  readonly peak: number;
  /** How far the sound is behind its line, s; 0 while silent. */
  readonly behindS: number;
}

export interface AudioRing {
  /** Appends planar samples whose first one belongs to `timestampUs`. */
  write(timestampUs: number, channels: readonly Float32Array[]): void;
  setLine(line: AudioLine): void;
  /** Fills `outputs` (planar) for the block that starts at `contextTime`. */
  render(outputs: readonly Float32Array[], contextTime: number): void;
  clear(): void;
  report(): AudioRingReport;
}

/**
 * Samples between decoder and audio device, on a line of media time. Reading follows the line: small differences
 * are taken up by a slightly different step through the samples (inaudible below one percent), large ones by a
 * cut, whose edges are faded like those of an underrun.
 *
 * Long because it runs inside an AudioWorklet, where it arrives as the text of this one function: it must not
 * use anything outside of itself.
 */
export function createAudioRing(options: {
  readonly sampleRate: number;
  readonly channels: number;
  readonly capacityS: number;
}): AudioRing {
  const { sampleRate, channels } = options;
  const capacity = Math.ceil(options.capacityS * sampleRate);
  const rings = Array.from({ length: channels }, () => new Float32Array(capacity));
  /** Media timestamps wobble by rounding (RTMP counts milliseconds): closer ones are taken as continuous. */
  const continuousUs = 20_000;
  /** Longer holes start a new line of samples instead of being filled with silence. */
  const maxFillUs = 500_000;
  const cutS = 0.08;
  const correctS = 0.01;
  const settledS = 0.002;
  const maxCorrection = 0.01;
  /** Decay of the last sample after a cut or underrun, and rise of the next: about 3 ms. */
  const fade = Math.exp(-1 / (0.003 * sampleRate));
  /** Media time of sample 0. Samples are counted from there without end. */
  let originUs = 0;
  let written = 0;
  let read = 0;
  let isPlaying = false;
  let isCorrecting = false;
  let line: AudioLine = { contextTime: 0, mediaUs: 0, rate: 0 };
  /** Last value put out, per channel. */
  const last = new Float32Array(channels);
  /** What the output fades from, and how far it is into the new samples (0 to 1). */
  const from = new Float32Array(channels);
  let rise = 0;
  let underruns = 0;
  let jumps = 0;
  let peak = 0;
  let behindS = 0;

  const clear = (): void => {
    written = 0;
    read = 0;
    isPlaying = false;
  };
  const startFade = (): void => {
    rise = 0;
    from.set(last);
  };
  const append = (source: readonly Float32Array[] | undefined, offset: number, count: number): void => {
    for (let channel = 0; channel < channels; channel += 1) {
      const ring = rings[channel];
      const samples = source === undefined ? undefined : (source[channel] ?? source[0]);
      if (ring === undefined) continue;
      let at = written % capacity;
      for (let i = 0; i < count; i += 1) {
        ring[at] = samples === undefined ? 0 : (samples[offset + i] ?? 0);
        at += 1;
        if (at === capacity) at = 0;
      }
    }
    written += count;
  };
  const silence = (outputs: readonly Float32Array[], offset: number): void => {
    for (let channel = 0; channel < outputs.length; channel += 1) {
      const output = outputs[channel];
      if (output === undefined) continue;
      let value = last[channel % channels] ?? 0;
      for (let i = offset; i < output.length; i += 1) {
        value *= fade;
        output[i] = value;
      }
      if (channel < channels) last[channel] = Math.abs(value) < 1e-5 ? 0 : value;
    }
  };

  return {
    write(timestampUs, source) {
      const count = source[0]?.length ?? 0;
      if (count === 0) return;
      const expectedUs = originUs + (written * 1e6) / sampleRate;
      const holeUs = timestampUs - expectedUs;
      if (written === 0 || holeUs > maxFillUs || holeUs < -maxFillUs) {
        clear();
        originUs = timestampUs;
        append(source, 0, count);
      } else if (Math.abs(holeUs) <= continuousUs) {
        // The mean of many roundings is right: lean slowly towards what the timestamps say.
        originUs += holeUs * 0.02;
        append(source, 0, count);
      } else if (holeUs > 0) {
        append(undefined, 0, Math.round((holeUs * sampleRate) / 1e6));
        append(source, 0, count);
      } else {
        const overlap = Math.min(count, Math.round((-holeUs * sampleRate) / 1e6));
        append(source, overlap, count - overlap);
      }
    },

    setLine(next) {
      line = next;
    },

    render(outputs, contextTime) {
      const frames = outputs[0]?.length ?? 0;
      if (line.rate === 0 || written === 0) {
        isPlaying = false;
        silence(outputs, 0);
        return;
      }
      const wantedUs = line.mediaUs + (contextTime - line.contextTime) * line.rate * 1e6;
      const wanted = ((wantedUs - originUs) * sampleRate) / 1e6;
      const oldest = Math.max(0, written - capacity);
      const awayS = (wanted - read) / sampleRate;
      if (!isPlaying || Math.abs(awayS) > cutS) {
        if (wanted < oldest || wanted + frames * line.rate + 1 >= written) {
          // Too early or nothing there: wait in silence for the line to meet the samples.
          if (isPlaying) underruns += 1;
          isPlaying = false;
          silence(outputs, 0);
          return;
        }
        if (isPlaying) jumps += 1;
        startFade();
        read = wanted;
        isPlaying = true;
        isCorrecting = false;
      } else if (Math.abs(awayS) > correctS) {
        isCorrecting = true;
      } else if (Math.abs(awayS) < settledS) {
        isCorrecting = false;
      }
      behindS = (wanted - read) / sampleRate;
      let step = line.rate;
      if (isCorrecting)
        step *= 1 + Math.max(-maxCorrection, Math.min(maxCorrection, (wanted - read) / sampleRate));
      const usable = Math.min(frames, Math.max(0, Math.floor((written - 2 - read) / step)));
      for (let channel = 0; channel < outputs.length; channel += 1) {
        const output = outputs[channel];
        const ring = rings[channel] ?? rings[0];
        if (output === undefined || ring === undefined) continue;
        let position = read;
        let gain = rise;
        let rest = from[channel % channels] ?? 0;
        let value = 0;
        for (let i = 0; i < usable; i += 1) {
          const index = Math.floor(position);
          const part = position - index;
          const here = ring[index % capacity] ?? 0;
          const after = ring[(index + 1) % capacity] ?? 0;
          gain = 1 - (1 - gain) * fade;
          rest *= fade;
          value = (here + (after - here) * part) * gain + rest;
          output[i] = value;
          if (value > peak) peak = value;
          else if (-value > peak) peak = -value;
          position += step;
        }
        if (channel === outputs.length - 1) rise = gain;
        if (channel < channels && usable > 0) {
          last[channel] = value;
          from[channel] = rest;
        }
      }
      read += usable * step;
      if (usable < frames) {
        underruns += 1;
        isPlaying = false;
        silence(outputs, usable);
      }
    },

    clear,

    report() {
      const result = {
        mediaUs: isPlaying ? originUs + (read * 1e6) / sampleRate : -1,
        bufferedS: Math.max(0, (written - read) / sampleRate),
        underruns,
        jumps,
        peak,
        behindS: isPlaying ? behindS : 0,
      };
      peak = 0;
      return result;
    },
  };
}
