// One method ready to run: its engine, what its rounds cost here, and how its rounds are predicted.
import { RoundCost, type CostCalibration } from '../../cost/round-cost.js';
import { createEngine, type Engine } from '../../engine/engine.js';
import { measureCost } from '../../engine/measure-cost.js';
import type { EngineOptions, GenerateOptions } from '../../engine/options.js';
import type { Sequence } from '../../model/sequence.js';
import { resolveSampling } from '../../sampling/params.js';
import { isRejection } from '../../theory/round-rejection.js';
import type { SamplingParams } from '../../types.js';
import type { Verifier } from '../../verify/verifier.js';
import { engineOptionsFor, type Method } from './method.js';
import { chainRules, predictChain, tokenWiseRules, type PredictedRounds } from './predict-chain.js';
import { predictLossy } from './predict-lossy.js';
import { predictTree } from './predict-tree.js';
import type { Trace } from './trace.js';

/** What one generation took and brought. */
export interface MeasuredRun {
  readonly rounds: number;
  readonly draftTokens: number;
  readonly acceptedTokens: number;
  /** Rounds that ended with a rejection. */
  readonly rejections: number;
  readonly bias: number;
  /** All rounds, after the prompt. */
  readonly ms: number;
}

/** What the generations of a comparison share. */
export type RunOptions = Pick<GenerateOptions, 'maxTokens' | 'sampling' | 'ignoreEos'>;

/** Runs one generation. */
export async function measureRun(
  engine: Engine,
  prompt: Int32Array,
  options: RunOptions & { readonly seed: number },
): Promise<MeasuredRun> {
  const generation = engine.generate(prompt, options);
  let rejections = 0;
  for await (const event of generation) {
    if (event.type !== 'round' || event.draft === undefined) continue;
    rejections += Number(isRejection(event.draft.tree, event.draft.acceptedNodes));
  }
  const { rounds, draftTokens, acceptedTokens, bias, ...times } = generation.result.stats;
  const ms = times.draftMs + times.decodeMs + times.verifyMs + times.overheadMs;
  return { rounds, draftTokens, acceptedTokens, rejections, bias, ms };
}

/** What decodes, and what its rounds cost. */
export interface Subject {
  readonly engine: Engine;
  readonly cost: RoundCost;
}

/** Runs one generation that only teaches what rounds cost, and the drafter what is accepted. */
export async function warmUp(
  { engine, cost }: Subject,
  prompt: Int32Array,
  options: RunOptions & { readonly seed: number },
): Promise<void> {
  let contextLength = prompt.length;
  // Where nothing drafts, rounds are not exceptions, and are plain nevertheless.
  const isPlain = engine.drafter === undefined;
  for await (const event of engine.generate(prompt, options)) {
    if (event.type !== 'round') continue;
    cost.observe(isPlain ? { ...event.round, isPlain } : event.round, contextLength);
    contextLength += event.round.numAccepted + 1;
  }
}

/** A method with its engine. */
export class MethodBench {
  readonly method: Method;
  readonly engine: Engine;
  /** The rule, as it is where the sampling chooses it. */
  readonly verifier: Verifier;
  readonly calibration: CostCalibration;
  readonly cost: RoundCost;

  private constructor(
    method: Method,
    engine: Engine,
    sampling: SamplingParams,
    calibration: CostCalibration,
  ) {
    this.method = method;
    this.engine = engine;
    this.verifier = engine.verifierFor(resolveSampling(sampling));
    this.calibration = calibration;
    this.cost = new RoundCost(calibration);
  }

  /**
   * Creates the engine and measures its costs.
   * @throws as `createEngine`
   */
  static async create(
    method: Method,
    models: Pick<EngineOptions, 'target' | 'draft' | 'context'>,
    sampling: SamplingParams,
  ): Promise<MethodBench> {
    const engine = await createEngine({ ...models, ...engineOptionsFor(method) });
    const { context } = engine.sequence;
    const drafter = engine.drafter!;
    const calibration = await measureCost({ context, drafter, maxNodes: drafter.maxNodes });
    return new MethodBench(method, engine, sampling, calibration);
  }

  /** True where the target's text alone tells what is accepted: chains, with a rule that has a closed form. */
  get isChain(): boolean {
    return this.engine.drafter!.maxLeaves === 1 && chainRules.has(this.verifier.name);
  }

  /** True where every draft token that is tried is accepted or rejected by its own probabilities. */
  get isTokenWise(): boolean {
    return this.engine.drafter!.maxLeaves === 1 && tokenWiseRules.has(this.verifier.name);
  }

  /** Draft tokens in a row at most. */
  get maxDepth(): number {
    return this.engine.drafter!.maxNodes;
  }

  /**
   * What rounds bring: along a text of the target, or for a lossy rule along one of its own from the same prompt.
   * @param draft  a sequence of the draft model; its tokens are replaced
   */
  async predict(
    trace: Trace,
    draft: Sequence,
    options: RunOptions & { seed: number },
  ): Promise<PredictedRounds> {
    const { engine, verifier, method } = this;
    const drafter = engine.drafter!;
    if (this.isChain) return predictChain(trace, verifier.name, drafter.maxNodes);
    const { sequence } = engine;
    const { sampling = {}, seed, maxTokens = trace.numStarts, ignoreEos = false } = options;
    if (verifier.lossless || method.epsilon === undefined)
      return predictTree(trace, { drafter, verifier, sequence, sampling, seed });
    return predictLossy(trace.prompt, {
      ...{ model: engine.target, sequences: [sequence, draft], sampling, seed, maxTokens, ignoreEos },
      ...{ epsilon: method.epsilon, length: drafter.maxNodes },
    });
  }
}
