// What became of drafts. Knows nothing of plain decoding.
import { sum } from 'simple-statistics';
import type { Sample } from '../sample.js';

/** What was accepted of what was drafted. */
export interface AcceptanceFigures {
  /** accepted / drafted; null where nothing was drafted. */
  readonly acceptanceRate: number | null;
  /** Output tokens of a round, the recovered or bonus token included, plain rounds left out; null without rounds. */
  readonly meanAcceptanceLength: number | null;
  /** Likewise with plain rounds, which bring one token each: `#Mean accepted tokens` of Spec-Bench. */
  readonly meanAcceptedTokens: number | null;
  /** [deepest draft]: share of the rounds that drafted so deep in which the draft token at this depth was accepted. */
  readonly acceptedPerPosition: readonly number[];
}

/** Shares of the time of rounds; they add up to 1. */
export interface TimeShares {
  readonly draft: number;
  readonly decode: number;
  readonly verify: number;
  readonly overhead: number;
}

/** Adds up the rounds of the method's answers. */
export function acceptanceFigures(samples: readonly Sample[]): AcceptanceFigures {
  const drafted = sum(samples.map(({ draftTokens }) => draftTokens));
  const rounds = sum(samples.map(({ accepted }) => accepted.length));
  const accepted = sum(samples.map((sample) => sum([...sample.accepted])));
  const allRounds = rounds + sum(samples.map(({ plainRounds }) => plainRounds));
  return {
    acceptanceRate: drafted > 0 ? sum(samples.map(({ acceptedTokens }) => acceptedTokens)) / drafted : null,
    meanAcceptanceLength: rounds > 0 ? accepted / rounds + 1 : null,
    meanAcceptedTokens: allRounds > 0 ? accepted / allRounds + 1 : null,
    acceptedPerPosition: acceptedPerPosition(samples),
  };
}

function acceptedPerPosition(samples: readonly Sample[]): number[] {
  const drafted: number[] = [];
  const accepted: number[] = [];
  for (const sample of samples) {
    sample.depths.forEach((depth, round) => {
      for (let position = 0; position < depth; position++) {
        drafted[position] = (drafted[position] ?? 0) + 1;
        accepted[position] = (accepted[position] ?? 0) + (position < sample.accepted[round]! ? 1 : 0);
      }
    });
  }
  return drafted.map((count, position) => accepted[position]! / count);
}

/** Where the time of answers went; null where it is not known. */
export function timeShares(samples: readonly Sample[]): TimeShares | null {
  const times = samples.flatMap(({ times }) => times ?? []);
  const part = (name: keyof TimeShares): number => sum(times.map((time) => time[name]));
  const total = part('draft') + part('decode') + part('verify') + part('overhead');
  if (total <= 0) return null;
  return {
    draft: part('draft') / total,
    decode: part('decode') / total,
    verify: part('verify') / total,
    overhead: part('overhead') / total,
  };
}
