// What over-acceptance brings, from a text with its own law. Knows nothing of costs.
import type { Model } from '../../model/model.js';
import { Sampler } from '../../model/sampler.js';
import type { Sequence } from '../../model/sequence.js';
import { sample } from '../../sampling/categorical.js';
import { probabilityOf, type Distribution } from '../../sampling/distribution.js';
import { Purpose, uniform } from '../../sampling/random.js';
import { sampleResidual } from '../../sampling/residual.js';
import { paretoOutput, paretoPoint } from '../../theory/pareto-line.js';
import { RoundFilter, type TokenWays } from '../../theory/round-filter.js';
import type { SamplingParams, TokenId } from '../../types.js';
import type { PredictedRounds } from './predict-chain.js';

/** Options of {@link predictLossy}. */
export interface PredictLossyOptions {
  readonly model: Model;
  /** Of the target and of the draft model; their tokens are replaced. */
  readonly sequences: readonly [target: Sequence, draft: Sequence];
  readonly sampling: SamplingParams;
  readonly epsilon: number;
  /** Draft tokens of a round. */
  readonly length: number;
  readonly maxTokens: number;
  readonly ignoreEos: boolean;
  readonly seed: number;
}

/**
 * Draws a text token by token with the law that the method's output has, filtering where its rounds are: exact, because the
 * filter takes into account that a bonus token has the target's own law. The target's text would not do: the method writes more
 * of what its draft likes, and accepts more of it.
 */
export async function predictLossy(
  prompt: Int32Array,
  options: PredictLossyOptions,
): Promise<PredictedRounds> {
  const { model, sequences, length, maxTokens, ignoreEos } = options;
  const sampler = new Sampler(options.sampling);
  for (const sequence of sequences) await sequence.prefill(prompt.subarray(0, -1));
  const filter = new RoundFilter(length);
  let last: TokenId = prompt.at(-1)!;
  let numStarts = maxTokens;
  let bias = 0;
  for (let position = 0; position < numStarts + length; position++) {
    const rows = await nextRows(sequences, last, sampler, model.info.vocabSize);
    const drawn = drawToken(rows, filter.whole, position, options);
    last = drawn.token;
    if (!ignoreEos && model.tokenizer.isEndOfGeneration(last)) numStarts = Math.min(numStarts, position + 1);
    bias += filter.trying * drawn.bias;
    filter.observe(drawn.ways, position + 1 < numStarts);
  }
  const starts = Float64Array.from(filter.starts);
  const rounds = starts.reduce((sum, share) => sum + share, 0);
  const { acceptedTokens, rejections } = filter;
  const roundsBySize = new Map([[length, rounds]]);
  const found = { starts, rounds, acceptedTokens, rejections, bias };
  return { ...found, survival: [], draftTokens: rounds * length, roundsBySize };
}

type Rows = readonly [target: Distribution, draft: Distribution];

/** Both models' rows after `token`, which becomes part of the sequences. */
async function nextRows(
  sequences: PredictLossyOptions['sequences'],
  token: TokenId,
  sampler: Sampler,
  vocabLimit: number,
): Promise<Rows> {
  const found: Distribution[] = [];
  for (const sequence of sequences) {
    const { rows } = await sequence.decode({ tokens: [token], sampler, vocabLimit });
    found.push(rows.row(0));
    rows.release();
    sequence.commit(0);
  }
  return [found[0]!, found[1]!];
}

/** A token as the method would put it out, the ways it can have come, and the bias where a draft token was tried. */
function drawToken(
  [target, draft]: Rows,
  whole: number,
  position: number,
  { epsilon, seed }: PredictLossyOptions,
): { token: TokenId; ways: TokenWays; bias: number } {
  const at = (purpose: Purpose, index = 0): number => uniform(seed, purpose, position, index);
  const point = paretoPoint(target, draft, epsilon);
  let token = sample(target, at(Purpose.target));
  if (at(Purpose.accept) >= whole) {
    token = sample(draft, at(Purpose.draft));
    const wanted = probabilityOf(target, token) + epsilon;
    if (!(at(Purpose.accept, 1) * probabilityOf(draft, token) < wanted))
      token = sampleResidual(target, draft, 1, at(Purpose.target));
  }
  const ways = {
    ...paretoOutput(target, draft, { token, epsilon, point }),
    bonus: probabilityOf(target, token),
  };
  return { token, ways, bias: point.bias };
}
