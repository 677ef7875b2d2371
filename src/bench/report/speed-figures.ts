// How fast answers came, beside those of plain decoding. Knows nothing of acceptance.
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { ratioOfMeans, type Bootstrap, type Interval, type PairedFigures } from './bootstrap.js';
import type { SamplePair } from './sample-pairs.js';
import type { Sample } from '../sample.js';

/** Tokens per second over answers. */
export interface Rate {
  readonly mean: number;
  /** Sample standard deviation over answers; null of one. */
  readonly stdev: number | null;
}

/** Speeds of both sides and how they compare. */
export interface SpeedFigures {
  readonly plain: Rate;
  readonly method: Rate;
  /** Mean of the method's speeds over mean of the plain ones. */
  readonly speedup: number;
  /** 95 % interval of the speedup, prompts drawn again; null where there are fewer than two. */
  readonly interval: Interval | null;
}

/** Output tokens per second of decoding, prompts left out; null where no time or no token was counted. */
export function decodeSpeed({ decodedTokens, decodeMs }: Sample): number | null {
  return perSecond(decodedTokens, decodeMs);
}

/**
 * Output tokens per second of everything, prompts included: the speed of an answer in Spec-Bench's tables.
 * @see Xia et al., arXiv:2401.07851 (evaluation/speed.py; departure: intervals)
 */
export function wallSpeed({ outputTokens, wallMs }: Sample): number | null {
  return perSecond(outputTokens, wallMs);
}

/** Compares the sides of pairs; null where no pair has a speed on both. */
export function speedFigures(
  pairs: readonly SamplePair[],
  speedOf: (sample: Sample) => number | null,
  bootstrap: Bootstrap,
): SpeedFigures | null {
  const speeds = pairs.flatMap(({ plain, method }): PairedFigures[] => {
    const [plainSpeed, methodSpeed] = [speedOf(plain), speedOf(method)];
    return plainSpeed === null || methodSpeed === null
      ? []
      : [{ cluster: plain.prompt, plain: plainSpeed, method: methodSpeed }];
  });
  const speedup = ratioOfMeans(speeds);
  if (speedup === null) return null;
  return {
    plain: rateOf(speeds.map(({ plain }) => plain)),
    method: rateOf(speeds.map(({ method }) => method)),
    speedup,
    interval: bootstrap.interval(speeds),
  };
}

/** Mean time to the first token over that of plain decoding; null without pairs. */
export function firstTokenRatio(pairs: readonly SamplePair[]): number | null {
  return ratioOfMeans(
    pairs.map(({ plain, method }) => ({
      cluster: plain.prompt,
      plain: plain.firstTokenMs,
      method: method.firstTokenMs,
    })),
  );
}

function perSecond(tokens: number, ms: number): number | null {
  return tokens > 0 && ms > 0 ? (1000 * tokens) / ms : null;
}

function rateOf(speeds: number[]): Rate {
  return { mean: mean(speeds), stdev: speeds.length > 1 ? sampleStandardDeviation(speeds) : null };
}
