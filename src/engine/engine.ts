// The engine: a target, a drafter and a verifier, made to fit and owned together.
import type { RoundCost } from '../cost/round-cost.js';
import { FixedPlanner } from '../cost/round-planner.js';
import type { Drafter } from '../draft/drafter.js';
import { BusyError, DisposedError } from '../errors.js';
import type { Context, ContextInfo } from '../model/context.js';
import type { Model } from '../model/model.js';
import { Sampler } from '../model/sampler.js';
import type { Sequence } from '../model/sequence.js';
import { requireSameVocabulary } from '../model/vocabulary.js';
import { RecheckCounters } from '../metrics/recheck-counters.js';
import type { ResolvedSampling } from '../sampling/params.js';
import { shapeFor, type AutoShape, type TreeShape } from '../tree/tree-shape.js';
import type { SamplingParams, TokenId } from '../types.js';
import type { Verifier } from '../verify/verifier.js';
import { AcceptanceStore, acceptancePath } from './acceptance-store.js';
import { checkMethods, checkRollback, checkStitch } from './compatibility.js';
import { DecodeLoop } from './decode-loop.js';
import {
  chooseDrafters,
  combineDrafters,
  defaultWeightlessNodes,
  leavesFor,
  withoutBranches,
  type DrafterChoice,
} from './drafters.js';
import { Generation } from './generation.js';
import { createThinning, type EngineThinning } from './engine-thinning.js';
import { createGuards, type Guards } from './guards.js';
import { checkMiddle, createMiddleContext, middleDrafter } from './middle-model.js';
import { createDraftContext, draftModelDrafter, siblingsFor } from './model-drafter.js';
import {
  checkEngineOptions,
  requireTokens,
  resolveGenerateOptions,
  type EngineOptions,
  type GenerateOptions,
} from './options.js';
import { stitchedRounds } from './sequence-writer.js';
import { SequenceTarget } from './target.js';
import { ThreadGovernor } from './thread-governor.js';
import { createVerifier } from './verifiers.js';

/** What an engine is made of. */
interface EngineParts {
  readonly context: Context;
  readonly draftContext: Context | undefined;
  readonly middleContext?: Context | undefined;
  readonly drafter: Drafter | undefined;
  /** undefined: chosen for each generation. */
  readonly verifier: Verifier | undefined;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  readonly isMeasuring: boolean;
  /** undefined: rounds are as asked for. */
  readonly guards: Guards | undefined;
  /** undefined: the threads are left alone. */
  readonly governor: ThreadGovernor | undefined;
  readonly acceptance: AcceptanceStore;
  readonly sparse: EngineThinning | undefined;
  /** Entropy up to which target and draft model take turns; undefined: they do not. */
  readonly stitch?: number | undefined;
  readonly notes: readonly string[];
}

/**
 * Creates an engine: contexts for target and draft, and a check that all parts fit.
 * @throws {VocabMismatchError} when target, middle and draft do not share one vocabulary
 * @throws {IncompatibleMethodsError | UnsupportedCacheError} when the methods cannot work together on this model
 * @throws {ContextCreateError | ModelLoadError} when a context cannot be created
 * @throws {TypeError | RangeError} on unknown options and values
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { shape: chosen, sparse } = checkEngineOptions(options);
  if (options.stitch !== undefined) return createStitchedEngine(options, options.stitch);
  const verifier = namedVerifier(options.verifier ?? 'auto', options.epsilon);
  const { target, draft, middle } = options;
  const choice = chooseDrafters(options);
  checkMiddle(options, choice);
  if (choice.hasModel) requireSameVocabulary(target, draft!);
  const isSizeGiven = (options.tree ?? 'auto') !== 'auto';
  const maxTreeNodes = choice.names.length > 0 && !isSizeGiven ? defaultWeightlessNodes : chosen.numNodes;
  const maxLeaves = leavesFor(choice, chosen, maxTreeNodes, isSizeGiven);
  // The drafts of a middle model are chains.
  const context = await target.createContext({ maxLeaves: middle ? 1 : maxLeaves, ...options.context });
  let proposing: Proposing | undefined;
  try {
    const sizes = { maxTreeNodes, maxLeaves };
    proposing = await createProposer(options, { context, chosen, choice, verifier, ...sizes });
    const { proposer, draftContext, middleContext, acceptance } = proposing;
    const largest = !middle && (choice.hasModel || isSizeGiven) ? maxTreeNodes : Infinity;
    const proposed = Math.min(proposer?.maxNodes ?? 0, largest);
    const inner = ({ temperature = 1 }: SamplingParams): Verifier =>
      verifier?.lossless === true ? verifier : createVerifier(automatic(proposer, temperature === 0));
    const ownParts = { context, draftContext, drafter: proposer, maxNodes: proposed, verifier: inner };
    const thinned = sparse && (await createThinning(ownParts, sparse, options));
    const thinning = thinned?.thinning;
    const drafter = thinning?.drafter ?? proposer;
    if (drafter !== undefined) {
      checkMethods(drafter, verifier ?? createVerifier(automatic(drafter, false)));
      checkRollback(drafter, context.info, target.info.architecture);
    }
    // The thinned target bounds its own drafts.
    const maxNodes = drafter === proposer ? proposed : drafter!.maxNodes;
    const isMeasuring = (options.measureSpeedup ?? true) && drafter !== undefined;
    // What is not rechecked is a choice of its own; what is competes with rounds that the guard decides over.
    const guarded = thinning === undefined || drafter !== proposer ? proposer : undefined;
    const contexts = { context, draftContext, middleContext };
    const drafting = { drafter: guarded, draftsItself: drafter === proposer, verifier: inner({}) };
    const parts = { ...contexts, ...drafting, maxNodes: proposed, isMeasuring };
    const guards = await createGuards(parts, options);
    return new Engine({
      ...{ ...contexts, drafter, verifier, maxNodes, isMeasuring, guards },
      acceptance,
      governor: options.guard === false ? undefined : new ThreadGovernor(context),
      sparse: thinning,
      notes: thinned?.notes ?? [],
    });
  } catch (error) {
    context.dispose();
    proposing?.draftContext?.dispose();
    proposing?.middleContext?.dispose();
    throw error;
  }
}

/** Who proposes drafts to the target, and what that takes. */
interface Proposing extends Pick<EngineParts, 'draftContext' | 'middleContext' | 'acceptance'> {
  readonly proposer: Drafter | undefined;
}

/** What a proposer is made for. */
interface ProposerSetup {
  readonly context: Context;
  readonly chosen: TreeShape | AutoShape;
  readonly choice: DrafterChoice;
  readonly verifier: Verifier | undefined;
  readonly maxTreeNodes: number;
  readonly maxLeaves: number;
}

/** All drafters that are asked for as one, behind the middle model where there is one. */
async function createProposer(options: EngineOptions, setup: ProposerSetup): Promise<Proposing> {
  const { context, chosen, verifier, maxTreeNodes: maxNodes, maxLeaves } = setup;
  const canBranch = context.info.rollback === 'full';
  const choice = canBranch ? setup.choice : withoutBranches(setup.choice, options);
  const { target, middle, datastore } = options;
  // Whom the drafters face, and which rule is between them.
  const facing = { ...options, target: middle ?? target };
  const rule = middle === undefined ? verifier : undefined;
  let middleContext: Context | undefined;
  let draftContext: Context | undefined;
  try {
    middleContext = await createMiddleContext(options, context.info, maxLeaves);
    if (choice.hasModel) draftContext = await createDraftContext(options, context.info, maxLeaves);
    const shape = shapeFor(chosen, canGrow(rule, (middleContext ?? context).info, draftContext?.info));
    const acceptance = acceptanceOf(facing, choice.hasModel && shape.kind === 'grown');
    const model =
      draftContext &&
      draftModelDrafter(facing, draftContext, { shape, maxLeaves, verifier: rule, acceptance });
    const inner = combineDrafters(choice, model, { target, maxNodes, maxLeaves, datastore });
    const proposer = middleContext ? cascade(options, middleContext, inner!, verifier) : inner;
    return { proposer, draftContext, middleContext, acceptance };
  } catch (error) {
    draftContext?.dispose();
    middleContext?.dispose();
    throw error;
  }
}

/** An engine whose target takes turns with the draft model. */
async function createStitchedEngine(options: EngineOptions, stitch: number): Promise<Engine> {
  checkStitch(options);
  requireSameVocabulary(options.target, options.draft!);
  const context = await options.target.createContext({ maxLeaves: 1, ...options.context });
  try {
    const draftContext = await createDraftContext(options, context.info, 1);
    return new Engine({
      ...{ context, draftContext, drafter: undefined, maxNodes: 0, isMeasuring: false, guards: undefined },
      governor: options.guard === false ? undefined : new ThreadGovernor(context),
      verifier: createVerifier('match'),
      acceptance: new AcceptanceStore(undefined),
      ...{ sparse: undefined, stitch, notes: [] },
    });
  } catch (error) {
    context.dispose();
    throw error;
  }
}

/** Generates text; one generation at a time. */
export class Engine {
  readonly target: Model;
  /** Facts about the target's context. */
  readonly contextInfo: ContextInfo;
  /** The target's sequence; its tokens are reused by a prompt that begins with them. */
  readonly sequence: Sequence;
  /** Name of the drafter; `none` when decoding is plain. */
  readonly drafterName: string;
  /** What was asked for and does nothing here, in sentences. */
  readonly notes: readonly string[];
  readonly #parts: EngineParts;
  #running: Generation | undefined;
  #isDisposed = false;

  /** @internal */
  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.target = parts.context.model;
    this.contextInfo = parts.context.info;
    this.sequence = parts.context.sequence();
    this.drafterName = parts.drafter?.name ?? 'none';
    this.notes = parts.notes;
  }

  /**
   * A generation from `prompt`; it starts when it is iterated or its `finish()` is called.
   * @param prompt  a text, or tokens, at least one
   * @throws {TypeError | RangeError} on unknown options, values and tokens
   * @throws {IncompatibleMethodsError} on log-probabilities where target and draft model take turns
   * @throws {DisposedError}
   */
  generate(prompt: string | ArrayLike<TokenId>, options: GenerateOptions = {}): Generation {
    if (this.#isDisposed) throw new DisposedError('The engine');
    const { vocabSize } = this.target.info;
    const resolved = resolveGenerateOptions(options, vocabSize);
    const tokens = this.#promptTokens(prompt, resolved.parseSpecial);
    const { context, draftContext, drafter, maxNodes, isMeasuring, guards, governor, sparse, stitch } =
      this.#parts;
    const verifier = this.verifierFor(resolved.sampling);
    const thinning = sparse?.lossy();
    const kind = `temperature ${resolved.sampling.temperature}`;
    const guard = guards?.of(kind);
    const recheck = sparse?.drafter && new RecheckCounters();
    const { tokenizer } = this.target;
    const loop = new DecodeLoop({
      ...resolved,
      target: new SequenceTarget(context.sequence(), new Sampler(resolved.sampling), {
        numAlternatives: resolved.logprobs,
        tellsCandidates: drafter?.numCandidates !== undefined,
        thinning,
      }),
      audit: thinning?.audit,
      sparseDecisions: thinning?.decisions,
      recheck,
      onBatch: governor && (() => this.#watchThreads(governor)),
      stitch:
        stitch === undefined
          ? undefined
          : stitchedRounds(resolved, { context, draftContext: draftContext!, threshold: stitch, verifier }),
      drafter,
      verifier,
      planner:
        sparse?.planner(kind, guard) ??
        guard ??
        new FixedPlanner(maxNodes, isMeasuring, this.target.gpuLayers !== 0),
      // What a thinned target takes is no plain decoding.
      pace: sparse === undefined ? guards?.pace : undefined,
      prompt: tokens,
      isEnd: resolved.ignoreEos ? undefined : (token) => tokenizer.isEndOfGeneration(token),
      text: tokenizer.stream(),
    });
    const generation: Generation = new Generation(loop, {
      begin: () => {
        this.#begin(generation);
        if (recheck !== undefined) sparse!.drafter!.counters = recheck;
      },
      end: () => (this.#running = undefined),
    });
    return generation;
  }

  /** Fewer threads compute while others keep cores busy, and what rounds cost then is another matter. */
  #watchThreads(governor: ThreadGovernor): void {
    const isDisturbed = governor.tick();
    const { context, guards } = this.#parts;
    // A GPU computes as before.
    if (this.target.gpuLayers > 0) return;
    if (isDisturbed === false) guards?.cost.confirm();
    guards?.cost.setThreadShare(context.pool.active / context.pool.threads);
  }

  /** What proposes tokens here, for those who draft beside a generation; the engine owns it. */
  get drafter(): Drafter | undefined {
    return this.#parts.drafter;
  }

  /** What rounds cost here, as far as is known; undefined without a guard. */
  get cost(): RoundCost | undefined {
    return this.#parts.guards?.cost;
  }

  /** The verifier that a generation with this sampling uses. */
  verifierFor(sampling: Pick<ResolvedSampling, 'temperature'>): Verifier {
    const { verifier, drafter } = this.#parts;
    if (verifier !== undefined) return verifier;
    return createVerifier(automatic(drafter, sampling.temperature === 0));
  }

  /** Frees the contexts; a running generation rejects. Models stay loaded: they belong to whoever loaded them. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#parts.acceptance.save();
    this.#parts.guards?.save();
    this.#parts.sparse?.save();
    this.#parts.context.dispose();
    this.#parts.draftContext?.dispose();
    this.#parts.middleContext?.dispose();
    await this.#parts.drafter?.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #begin(generation: Generation): void {
    if (this.#isDisposed) throw new DisposedError('The engine');
    if (this.#running !== undefined) throw new BusyError('This engine');
    this.#running = generation;
  }

  #promptTokens(prompt: string | ArrayLike<TokenId>, parseSpecial: boolean): TokenId[] {
    const { tokenizer, info } = this.target;
    const tokens = Array.from(
      typeof prompt === 'string' ? tokenizer.encode(prompt, { parseSpecial }) : prompt,
    );
    requireTokens('prompt', tokens, info.vocabSize);
    if (tokens.length > 0) return tokens;
    throw new RangeError(
      'Expected a prompt of at least one token but received an empty one, and this model adds no begin-of-sequence token',
    );
  }
}

/** What is known of the pair's acceptance; kept on disk where a tree's growth depends on it. */
function acceptanceOf({ target, draft, keepAcceptance = true }: EngineOptions, isLearning: boolean) {
  return new AcceptanceStore(isLearning && keepAcceptance ? acceptancePath(target, draft!) : undefined);
}

/** A drafter that speculates with the middle model, which verifies by the best lossless rule. */
function cascade(
  options: EngineOptions,
  context: Context,
  inner: Drafter,
  verifier: Verifier | undefined,
): Drafter {
  const rule = (isGreedy: boolean): Verifier => createVerifier(automatic(inner, isGreedy));
  checkMethods(inner, rule(false));
  checkRollback(inner, context.info, context.model.info.architecture);
  const siblings = siblingsFor(verifier, { kind: 'chain', numNodes: 1 });
  return middleDrafter(context, inner, options, siblings, ({ temperature = 1 }) => rule(temperature === 0));
}

/** The best lossless rule for what a drafter proposes. */
function automatic(drafter: Drafter | undefined, isGreedy: boolean): string {
  if (drafter === undefined || !drafter.hasDraftProbs || isGreedy) return 'match';
  return drafter.maxLeaves > 1 ? 'traversal' : 'block';
}

function namedVerifier(verifier: string | Verifier, epsilon: number | undefined): Verifier | undefined {
  if (typeof verifier !== 'string') {
    if (typeof verifier?.verify === 'function' && Array.isArray(verifier.siblings)) return verifier;
    throw new TypeError(`Expected a name or a verifier for verifier but received ${String(verifier)}`);
  }
  return verifier === 'auto' ? undefined : createVerifier(verifier, epsilon);
}

/** True when trees that grow by what is drawn can be drafted and verified here. */
function canGrow(verifier: Verifier | undefined, ...contexts: (ContextInfo | undefined)[]): boolean {
  if (verifier !== undefined && (verifier.chainsOnly || verifier.fixedShapesOnly)) return false;
  return contexts.every((info) => info?.rollback === 'full');
}
