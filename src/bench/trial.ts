// One trial: a method and plain decoding answer the same prompts in turn. Knows nothing of other trials or of files.
import { createEngine, type Engine } from '../engine/engine.js';
import { loadModels } from '../model/load-model.js';
import type { ContextOptions } from '../model/context-options.js';
import type { GpuChoice } from '../model/gpu-plugins.js';
import type { Model } from '../model/model.js';
import type { SamplingParams } from '../types.js';
import { EngineContender, PeerContender, type Contender, type TurnAnswer } from './contender.js';
import { converse, PromptWriter, type ConversationSettings } from './conversation.js';
import { numThrottles, throttleCounts } from './machine.js';
import { defaultNodes, withNodes, type Method, type MethodOptions } from './method.js';
import { startPeer } from './peers/peers.js';
import { trialName, type Sample, type Trial, type TrialHead } from './sample.js';
import { SyntheticDrafter } from './synthetic-drafter.js';
import { compareAnswers, sampleOf } from './trial-sample.js';
import type { BenchPrompt } from './workload.js';

/** Everything a trial needs, as plain data. */
export interface TrialPlan {
  readonly trial: Trial;
  readonly method: Method;
  readonly prompts: readonly BenchPrompt[];
  readonly targetPath: string;
  readonly draftPath: string | undefined;
  /** Of the method's model between the two. */
  readonly middlePath?: string | undefined;
  readonly gpu: GpuChoice | undefined;
  readonly gpuLayers: 'auto' | 'max' | number | undefined;
  readonly context: ContextOptions;
  readonly sampling: Omit<SamplingParams, 'temperature' | 'logitBias'>;
  readonly repetitions: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly ignoreEos: boolean;
  /** Pairs that are there already, as {@link pairName} names them. */
  readonly done: readonly string[];
  /** When the run began, as `Date.now()` tells it. */
  readonly startedAt: number;
}

/** What a trial tells as it goes: its head, then pairs of samples, plain decoding's first. */
export type TrialMessage =
  | { readonly kind: 'head'; readonly head: TrialHead }
  | { readonly kind: 'pair'; readonly samples: readonly [Sample, Sample] };

/** The name of a pair of samples in a trial. */
export const pairName = ({ prompt, repetition }: Pick<Sample, 'prompt' | 'repetition'>): string =>
  `${prompt} ${repetition}`;

/** Output tokens of the answers that warm up. */
const warmUpTokens = 24;

/** Runs a trial to its end, or until `emit` throws. Everything that it loads is let go of. */
export async function runTrial(plan: TrialPlan, emit: (message: TrialMessage) => void): Promise<void> {
  const parts = new Disposables();
  try {
    const { target, draft, middle } = await loadPlanned(plan, parts);
    const context = { ...plan.context, contextSize: contextSizeOf(plan, target) };
    const plain = parts.keep(await createEngine({ target, drafter: 'none', guard: false, context }));
    const { threads, contextSize } = plain.contextInfo;
    const method = await startMethod(plan, { target, draft, middle, context, threads, contextSize, parts });
    const writer = new PromptWriter(target, plain.contextInfo.contextSize);
    const sides = { plain: new EngineContender(plain), method: method.contender };
    const warmUp = { ...settingsOf(plan, 0), maxTokens: Math.min(warmUpTokens, plan.maxTokens) };
    for (const contender of Object.values(sides))
      await converse(contender, plan.prompts[0]!, { writer, settings: warmUp });
    emit({ kind: 'head', head: headOf(plan, method, plain) });
    const done = new Set(plan.done);
    for (let repetition = 0; repetition < plan.repetitions; repetition++) {
      for (const [index, prompt] of plan.prompts.entries()) {
        if (done.has(pairName({ prompt: prompt.id, repetition }))) continue;
        const isPlainFirst = (repetition + index) % 2 === 0;
        const samples = await runPair(plan, { prompt, repetition, sides, writer, plain, isPlainFirst });
        emit({ kind: 'pair', samples });
      }
    }
  } finally {
    await parts.dispose();
  }
}

interface Pair {
  readonly prompt: BenchPrompt;
  readonly repetition: number;
  readonly sides: { readonly plain: Contender; readonly method: Contender };
  readonly writer: PromptWriter;
  readonly plain: Engine;
  readonly isPlainFirst: boolean;
}

async function runPair(plan: TrialPlan, pair: Pair): Promise<[Sample, Sample]> {
  const { prompt, repetition, sides, writer } = pair;
  const settings = settingsOf(plan, repetition);
  const ask = async (side: 'plain' | 'method', plainAnswers?: readonly TurnAnswer[]) => {
    const startedAt = Date.now() - plan.startedAt;
    const before = throttleCounts();
    const said = await converse(sides[side], prompt, { writer, settings, plainAnswers });
    return { startedAt, throttles: numThrottles(before, throttleCounts()), ...said };
  };
  // Synthetic drafts need plain decoding's answer.
  const first = pair.isPlainFirst || plan.method.kind === 'synthetic' ? await ask('plain') : undefined;
  const method = await ask('method', first?.answers);
  const plain = first ?? (await ask('plain'));
  const comparison = await compareAnswers(pair.plain, plain, method);
  const shared = { trial: trialName(plan.trial), prompt, repetition, seed: settings.seed };
  return [
    sampleOf({ ...shared, side: 'plain' }, plain, { isSame: null, margin: null }),
    sampleOf({ ...shared, side: 'method' }, method, comparison),
  ];
}

function settingsOf(plan: TrialPlan, repetition: number): ConversationSettings {
  const { maxTokens, ignoreEos, trial, seed } = plan;
  const sampling = { ...plan.sampling, temperature: trial.temperature };
  return { maxTokens, ignoreEos, sampling, seed: seed + repetition };
}

/** Room for every turn of the longest prompt, as far as the model was trained for it. */
function contextSizeOf(plan: TrialPlan, target: Model): number | undefined {
  if (plan.context.contextSize !== undefined) return plan.context.contextSize;
  const writer = new PromptWriter(target, Number.MAX_SAFE_INTEGER);
  let longest = 0;
  for (const { before, questions } of plan.prompts) {
    const asked = questions.map((content) => ({ role: 'user', content }) as const);
    const { length } = writer.write([...before, ...asked.slice(0, 1)], 0).tokens;
    const later = asked
      .slice(1)
      .reduce((sum, { content }) => sum + target.tokenizer.encode(content).length + 16, 0);
    longest = Math.max(longest, length + later + questions.length * plan.maxTokens);
  }
  const rounded = 256 * Math.ceil((longest + 64) / 256);
  return target.info.trainContextSize > 0 ? Math.min(rounded, target.info.trainContextSize) : rounded;
}

async function loadPlanned(plan: TrialPlan, parts: Disposables) {
  const { targetPath, middlePath, draftPath, gpu, gpuLayers, method } = plan;
  const paths = [targetPath, middlePath, draftPath].filter((path) => path !== undefined);
  const isThinningFeedForward = method.kind === 'engine' && method.options.sparse?.feedForward !== undefined;
  const models = await loadModels(paths, { gpu, gpuLayers, repackWeights: !isThinningFeedForward });
  for (const model of models) parts.keep(model);
  return {
    target: models[0]!,
    middle: middlePath === undefined ? undefined : models[1],
    draft: draftPath === undefined ? undefined : models.at(-1),
  };
}

interface StartedMethod {
  readonly contender: Contender;
  readonly engine: Engine | undefined;
  readonly achieved: TrialHead['achieved'];
  readonly lossless: boolean;
}

interface MethodParts {
  readonly target: Model;
  readonly draft: Model | undefined;
  readonly middle: Model | undefined;
  readonly context: ContextOptions;
  /** As plain decoding has them. */
  readonly threads: number;
  readonly contextSize: number;
  readonly parts: Disposables;
}

async function startMethod(plan: TrialPlan, shared: MethodParts): Promise<StartedMethod> {
  const method = withNodes(plan.method, plan.trial.nodes);
  const { parts } = shared;
  if (method.kind === 'peer') {
    const { targetPath, draftPath } = plan;
    const { threads, contextSize } = shared;
    const numDraft = plan.trial.nodes ?? defaultNodes;
    const { batchSize, kvType, flashAttention } = shared.context;
    const settings = {
      ...{ targetPath, draftPath, threads, contextSize, batchSize, kvType, flashAttention, numDraft },
      ...{ gpuLayers: shared.target.gpuLayers, binary: method.binary },
    };
    const peer = await startPeer(method.peer, settings);
    parts.keep({ dispose: () => peer.close() });
    const achieved = { peer: peer.name, version: peer.version, settings: peer.settings };
    return { contender: new PeerContender(peer), engine: undefined, achieved, lossless: true };
  }
  return method.kind === 'synthetic'
    ? startSynthetic(plan, method.rates, shared)
    : startEngine(plan, method.options, shared);
}

async function startEngine(
  plan: TrialPlan,
  options: MethodOptions,
  { target, draft, middle, context, parts }: MethodParts,
): Promise<StartedMethod> {
  // A run that measures is no run to learn from.
  const engine = parts.keep(
    await createEngine({
      ...options,
      target,
      draft,
      middle,
      context,
      keepAcceptance: false,
    }),
  );
  const verifier = engine.verifierFor({ temperature: plan.trial.temperature });
  const isThinned = options.sparse !== undefined && options.sparse.recheck === 'off';
  const lossless = verifier.lossless && !isThinned && options.stitch === undefined;
  return {
    contender: new EngineContender(engine),
    engine,
    achieved: { ...achievedOf(engine, plan, options.tree), middle: plan.middlePath ?? null },
    lossless,
  };
}

async function startSynthetic(
  plan: TrialPlan,
  rates: readonly number[],
  { target, context, parts }: MethodParts,
): Promise<StartedMethod> {
  const maxNodes = plan.trial.nodes ?? defaultNodes;
  const drafter = new SyntheticDrafter({ rates, maxNodes, vocabSize: target.info.vocabSize });
  const fixed = { verifier: 'match', tree: `chain:${maxNodes}`, guard: false, measureSpeedup: false };
  const engine = parts.keep(await createEngine({ target, drafter, context, ...fixed }));
  const achieved = { ...achievedOf(engine, plan, fixed.tree), synthetic: true };
  return { contender: new EngineContender(engine, drafter), engine, achieved, lossless: true };
}

function achievedOf(engine: Engine, { trial, context }: TrialPlan, tree = 'auto'): TrialHead['achieved'] {
  const { contextInfo, target } = engine;
  const { name } = engine.verifierFor({ temperature: trial.temperature });
  return {
    drafter: engine.drafterName,
    verifier: name,
    tree,
    guard: engine.cost === undefined ? 'off' : 'on',
    kvType: context.kvType ?? 'f16',
    flashAttention: context.flashAttention ?? 'auto',
    contextSize: contextInfo.contextSize,
    gpuLayers: target.gpuLayers,
    threads: contextInfo.threads,
    notes: engine.notes.join(' '),
  };
}

const costSizes = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

function headOf(plan: TrialPlan, method: StartedMethod, plain: Engine): TrialHead {
  const contextLength = Math.min(256, plain.contextInfo.contextSize);
  const { cost } = method.engine ?? {};
  return {
    kind: 'trial',
    trial: trialName(plan.trial),
    requested: plan.method.requested,
    achieved: method.achieved,
    lossless: method.lossless,
    numPrompts: plan.prompts.length,
    cost: costSizes.flatMap((numNodes) => {
      const ms = cost?.predictVerification(numNodes, contextLength);
      return ms === undefined ? [] : [{ numNodes, contextLength, ms }];
    }),
  };
}

/** What has to be let go of, the latest first. */
class Disposables {
  readonly #kept: { dispose(): unknown }[] = [];

  keep<T extends { dispose(): unknown }>(one: T): T {
    this.#kept.push(one);
    return one;
  }

  async dispose(): Promise<void> {
    for (const one of this.#kept.reverse()) await one.dispose();
  }
}
