// The drafters by name, and what an engine makes of those that are asked for.
import type { Drafter } from '../draft/drafter.js';
import { datastorePath, openDatastore } from '../draft/datastore.js';
import { MixtureDrafter } from '../draft/mixture.js';
import { PromptLookupDrafter } from '../draft/prompt-lookup.js';
import { RetrievalDrafter } from '../draft/retrieval.js';
import { SuffixDrafter } from '../draft/suffix.js';
import { TokenRecyclingDrafter } from '../draft/token-recycling.js';
import { IncompatibleMethodsError } from '../errors.js';
import type { Model } from '../model/model.js';
import { NativeDistributionRows } from '../model/sampler.js';
import { tokenizerFingerprint } from '../model/vocabulary.js';
import { oneHot } from '../sampling/distribution.js';
import { leavesOf, type AutoShape, type TreeShape } from '../tree/tree-shape.js';
import { isGuardedAlone, type EngineOptions } from './options.js';

/** What a drafter without a model is made for. */
interface WeightlessOptions {
  readonly target: Model;
  readonly maxNodes: number;
  readonly maxLeaves: number;
  /** Path of the datastore; default the one of the target's tokenizer in the user's cache folder. */
  readonly datastore: string | undefined;
}

const weightless: ReadonlyMap<string, (options: WeightlessOptions) => Drafter> = new Map<
  string,
  (options: WeightlessOptions) => Drafter
>([
  ['prompt-lookup', ({ maxNodes }) => new PromptLookupDrafter({ numDraft: maxNodes })],
  ['suffix', ({ maxNodes, maxLeaves }) => new SuffixDrafter({ maxNodes, maxLeaves })],
  [
    'token-recycling',
    ({ target, maxNodes, maxLeaves }) =>
      new TokenRecyclingDrafter({ vocabSize: target.info.vocabSize, maxNodes, maxLeaves }),
  ],
  ['retrieval', retrievalDrafter],
]);

function retrievalDrafter({ target, maxNodes, maxLeaves, datastore }: WeightlessOptions): Drafter {
  const fingerprint = tokenizerFingerprint(target);
  const opened = openDatastore(datastore ?? datastorePath(fingerprint), fingerprint);
  return new RetrievalDrafter(opened, { maxNodes, maxLeaves });
}

/** Names that the option `drafter` knows. */
export const drafterNames: readonly string[] = ['none', 'model', ...weightless.keys()];

/** Draft tokens of drafters without a model where no tree is asked for. */
export const defaultWeightlessNodes = 16;

/** Leaves of trees whose size nobody gave: those beyond bring little, and their sequence ids slow a small model by percents. */
const defaultLeaves = 8;

/** Drafters that are asked for. */
export interface DrafterChoice {
  readonly hasModel: boolean;
  /** Names of drafters without a model. */
  readonly names: readonly string[];
  /** Drafters of the caller's own. */
  readonly own: readonly Drafter[];
}

/**
 * What the option `drafter` asks for.
 * @throws {TypeError} on unknown names
 * @throws {IncompatibleMethodsError} when a draft model is needed and missing, or none is not alone
 */
export function chooseDrafters(options: EngineOptions): DrafterChoice {
  const { drafter = 'auto', draft } = options;
  if (drafter === 'auto') {
    const names = draft !== undefined && isGuardsChoice(options) ? ['suffix'] : [];
    return { hasModel: draft !== undefined, names, own: [] };
  }
  const wanted = Array.isArray(drafter) ? (drafter as readonly (string | Drafter)[]) : [drafter];
  const names = wanted.filter((one) => typeof one === 'string');
  const own = wanted.filter((one): one is Drafter => typeof one !== 'string');
  const unknown = names.find((name) => !drafterNames.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Expected auto, ${drafterNames.join(', ')} for drafter but received ${unknown}`);
  }
  if (names.includes('none') && wanted.length > 1) {
    throw new IncompatibleMethodsError('The drafter none drafts nothing. Leave it or the others away.');
  }
  if (names.includes('model') && draft === undefined) {
    throw new IncompatibleMethodsError(
      'The drafter model needs a draft model. Give one, or use the drafter none.',
    );
  }
  return {
    hasModel: names.includes('model'),
    names: [...new Set(names.filter((name) => weightless.has(name)))],
    own,
  };
}

/** True where nothing is said of how to draft: what costs nothing and may bring much is drafted, too. */
function isGuardsChoice(options: EngineOptions): boolean {
  const { tree = 'auto', verifier = 'auto', draftDraws = 'auto' } = options;
  return isGuardedAlone(options) && tree === 'auto' && verifier === 'auto' && draftDraws === 'auto';
}

/** The choice without what a state that cannot branch rules out, where it was not asked for. */
export function withoutBranches(choice: DrafterChoice, { drafter = 'auto' }: EngineOptions): DrafterChoice {
  return drafter === 'auto' ? { ...choice, names: [] } : choice;
}

/**
 * Leaves of the largest tree: what a context has to keep sequence ids for. Each of them makes llama.cpp's decode slower.
 * @param maxNodes  draft tokens of drafters without a model
 * @param isSizeGiven  the caller says how large trees are
 */
export function leavesFor(
  choice: DrafterChoice,
  shape: TreeShape | AutoShape,
  maxNodes: number,
  isSizeGiven: boolean,
): number {
  const most = isSizeGiven ? Infinity : defaultLeaves;
  return Math.max(
    choice.names.length > 0 ? Math.min(most, maxNodes) : 1,
    choice.hasModel ? Math.min(most, leavesOf(shape)) : 1,
    ...choice.own.map((drafter) => drafter.maxLeaves ?? 1),
  );
}

/**
 * One drafter of all that are asked for; undefined where there is none.
 * @param model  the draft model's, where it is asked for
 */
export function combineDrafters(
  choice: DrafterChoice,
  model: Drafter | undefined,
  options: WeightlessOptions,
): Drafter | undefined {
  const deterministic = choice.names.map((name) => weightless.get(name)!(options));
  const drawing = [...(model === undefined ? [] : [model]), ...choice.own.filter(draws)];
  const others = [...deterministic, ...choice.own.filter((drafter) => !draws(drafter))];
  if (drawing.length + others.length <= 1) return drawing[0] ?? others[0];
  if (drawing.length > 1) {
    throw new IncompatibleMethodsError(
      `One tree takes one drafter that draws, but ${drawing.map(({ name }) => name).join(' and ')} do. Leave one away.`,
    );
  }
  return new MixtureDrafter({
    deterministic: others,
    model: drawing[0],
    maxNodes: options.maxNodes,
    maxLeaves: options.maxLeaves,
    joinRows: (rows, tokens) => {
      if (!(rows instanceof NativeDistributionRows))
        throw new TypeError('Expected native rows of the draft model');
      const behind = NativeDistributionRows.pack(tokens.map(oneHot));
      rows.append(
        behind,
        tokens.map((_, index) => index),
      );
      behind.release();
      return rows;
    },
  });
}

const draws = ({ siblings }: Drafter): boolean => siblings !== 'deterministic';
