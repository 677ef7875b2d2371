// The two cases of every output law: sound methods have it, broken ones do not, at one sample size.
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.js';
import type { SamplingParams, TokenId } from '../../src/types.js';
import { loadEngine } from '../helpers/engines.js';
import { report } from '../helpers/report.js';
import { holm, testOfTwo, type ChiSquare, type Counts } from './chi-square.js';
import {
  brokenMethods,
  countOutputs,
  familyError,
  losslessMethods,
  numSamples,
  numTokens,
  type Method,
  type Settings,
} from './output-laws.js';

/** A pair of models and how its output is judged. */
export interface LawSpec {
  readonly target: string;
  readonly draft: string;
  readonly prompt: string;
  readonly settings: Settings;
  readonly chainLength: number;
  /** Default those of a draft model by itself, and what is made of them by mistake. */
  readonly lossless?: readonly Method[];
  readonly broken?: readonly Method[];
  /** What the counts are compared with, as the table says it. */
  readonly against: string;
  judge(counts: Counts, setting: string, sampling: SamplingParams): Promise<ChiSquare> | ChiSquare;
}

/** Registers the cases in the current suite. */
export function lawCases(spec: LawSpec): void {
  const { target, draft, prompt, settings, chainLength, against, judge } = spec;
  const { lossless = losslessMethods(chainLength), broken = brokenMethods(chainLength) } = spec;
  let numRuns = 0;

  /** [numMethods][numSettings] */
  async function testAll(methods: readonly Method[]): Promise<ChiSquare[][]> {
    const results: ChiSquare[][] = [];
    const rows = [];
    for (const { draft: ownDraft = draft, middle, minAcceptance = 0, ...method } of methods) {
      const { tree, draftTemperature = 1 } = method;
      const engine = await loadEngine(target, ownDraft, { ...method, measureSpeedup: false }, middle);
      askFor(minAcceptance, engine);
      const ofMethod: ChiSquare[] = [];
      for (const [name, sampling] of settings) {
        const counts = await countOutputs(engine, prompt, sampling, 1e6 * ++numRuns);
        const result = await judge(counts, name, sampling);
        ofMethod.push(result);
        const verifier = engine.verifierFor({ temperature: 1 }).name;
        const drafter = engine.drafterName;
        const models = [middle, ownDraft].flatMap((path) =>
          path === undefined ? [] : [basename(path, '.gguf')],
        );
        rows.push({
          models: models.join(' '),
          drafter,
          verifier,
          tree,
          draftTemperature,
          minAcceptance,
          sampling: name,
          ...result,
        });
      }
      results.push(ofMethod);
      await engine.dispose();
      engine.target.dispose();
    }
    report(`First ${numTokens} tokens against ${against}, ${numSamples} samples each`, rows);
    return results;
  }

  it('is that of every lossless method under all sampling parameters', async () => {
    const pValues = (await testAll(lossless)).flat().map(({ pValue }) => pValue);
    expect(holm(pValues, familyError)).toEqual(pValues.map(() => false));
  });

  it('is not that of any broken method', async () => {
    const results = await testAll(broken);
    const rejected = holm(
      results.flat().map(({ pValue }) => pValue),
      familyError,
    );
    // Some parameters leave too few draws to reject for a mistake to show.
    const numRejected = results.map(
      (_, method) =>
        rejected.slice(method * settings.length, (method + 1) * settings.length).filter(Boolean).length,
    );
    expect(numRejected.map((count) => count > 0)).toEqual(results.map(() => true));
  });
}

/**
 * Has every draft leave away what is less likely than this to be accepted, and what would follow the end of a text, as the guard
 * does.
 */
function askFor(minAcceptance: number, { drafter, target }: Engine): void {
  const draft = drafter!.draft.bind(drafter);
  const isEnd = (token: TokenId) => target.tokenizer.isEndOfGeneration(token);
  drafter!.draft = (request) => draft({ ...request, minAcceptance, isEnd });
}

/** Judges by plain sampling of the target, with seeds that no method uses; sampled once for each setting. */
export function againstPlainSampling(target: string, prompt: string): Pick<LawSpec, 'judge' | 'against'> {
  const plain = new Map<string, Counts>();
  return {
    against: 'plain sampling',
    async judge(counts, setting, sampling) {
      let expected = plain.get(setting);
      if (expected === undefined) {
        const engine = await loadEngine(target, undefined);
        expected = await countOutputs(engine, prompt, sampling, 1e9 + 1e6 * plain.size);
        plain.set(setting, expected);
        await engine.dispose();
        engine.target.dispose();
      }
      return testOfTwo(expected, counts);
    },
  };
}
