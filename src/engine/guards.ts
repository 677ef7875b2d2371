// The guards of an engine: one for each way of sampling, for acceptance differs with it.
import { ConfidenceCalibration } from '../cost/draft-selection.js';
import { ExpectedTokens } from '../cost/expected-tokens.js';
import { GuardPlanner } from '../cost/guard.js';
import { RoundCost, type CostCalibration } from '../cost/round-cost.js';
import type { RoundPlanner } from '../cost/round-planner.js';
import { SelectingPlanner } from '../cost/selecting-planner.js';
import type { Drafter } from '../draft/drafter.js';
import type { AcceptedCounts } from '../metrics/fading-rates.js';
import { PlainPace } from '../metrics/plain-pace.js';
import type { Context } from '../model/context.js';
import type { Verifier } from '../verify/verifier.js';
import { costPath, readCost, readMemory, writeCost, writeMemory } from './cost-store.js';
import { KeptCost, type CostFile } from './kept-cost.js';
import { measureCost, type MeasureCostOptions } from './measure-cost.js';
import type { EngineOptions } from './options.js';
import { coresOfOthers, readProcessorTime } from './processor-time.js';

/** Options of {@link Guards}. */
export interface GuardsOptions {
  readonly calibration: CostCalibration;
  /** Draft tokens of a round at most. */
  readonly maxNodes: number;
  /** Mixes in plain rounds to measure the speedup. */
  readonly isMeasuring: boolean;
  /** Drafts cost next to nothing: what is decoded of them is decided draft in hand. */
  readonly isWeightless: boolean;
  /** The drafter can say what it would have drafted along tokens that were decoded plainly. */
  readonly canLookBack?: boolean | undefined;
  /** Drafts leave away what is not worth its time. */
  readonly isSelective?: boolean | undefined;
  /** What was learnt before, and where it is kept; undefined keeps nothing. */
  readonly path?: string | undefined;
  /** Where the calibration is kept; undefined: nowhere. */
  readonly file?: CostFile | undefined;
}

/** Cores that others may keep busy while costs are measured that are worth keeping. */
const quietCores = 0.3;

/** What guards are made for. */
export interface GuardedParts extends Pick<GuardsOptions, 'maxNodes' | 'isMeasuring'> {
  readonly context: Context;
  readonly draftContext: Context | undefined;
  readonly middleContext?: Context | undefined;
  /** Without one there is nothing to guard. */
  readonly drafter: Drafter | undefined;
  /** Rounds are those of this drafter, and not of one that has it draft for itself. */
  readonly draftsItself: boolean;
  /** The rule of rounds that sample. */
  readonly verifier: Verifier;
}

/** Guards that know what rounds cost here: measured before under the same conditions, or now. */
export async function createGuards(
  {
    context,
    draftContext,
    middleContext,
    drafter,
    draftsItself,
    verifier,
    maxNodes,
    isMeasuring,
  }: GuardedParts,
  options: Pick<EngineOptions, 'tree' | 'guard' | 'onMeasure' | 'measureContexts' | 'keepAcceptance'>,
): Promise<Guards | undefined> {
  if (drafter === undefined || options.guard === false) return undefined;
  const path = costPath({
    target: context,
    draft: draftContext,
    middle: middleContext,
    drafterName: drafter.name,
    tree: options.tree ?? 'auto',
    maxNodes,
  });
  const calibrated = await calibrate({ context, drafter, verifier, maxNodes }, path, options);
  const isKept = options.keepAcceptance ?? true;
  const { isWeightless = false, isSelective } = drafter;
  const kept = isKept ? path : undefined;
  const ways = { isWeightless, isSelective, canLookBack: draftsItself && drafter.canLookBack };
  return new Guards({ ...calibrated, ...ways, maxNodes, isMeasuring, path: kept });
}

/** What was measured before and is in the file, or what is measured now. */
async function calibrate(
  parts: Pick<MeasureCostOptions, 'context' | 'drafter' | 'verifier' | 'maxNodes'>,
  path: string,
  {
    measureContexts: contextLengths,
    onMeasure: onProgress,
  }: Pick<EngineOptions, 'measureContexts' | 'onMeasure'>,
): Promise<{ calibration: CostCalibration; file: CostFile }> {
  const known = contextLengths === undefined ? readCost(path) : undefined;
  if (known !== undefined) return { calibration: known, file: { path, keeping: 'kept' } };
  // Threads that another engine gave up for others are no measure of this machine.
  parts.context.pool.active = parts.context.pool.threads;
  const before = readProcessorTime();
  const calibration = await measureCost({ ...parts, contextLengths, onProgress });
  // What a busy machine took is not kept.
  const isQuiet = coresOfOthers(before, readProcessorTime()) < quietCores;
  return { calibration, file: { path, keeping: isQuiet ? writeCost(path, calibration) : 'busy' } };
}

/** Guards that share what is known of costs. */
export class Guards {
  readonly #options: GuardsOptions;
  /** What rounds cost, as far as is known. */
  readonly cost: RoundCost;
  /** What plain tokens took of late. */
  readonly pace = new PlainPace();
  readonly #guards = new Map<string, GuardPlanner | SelectingPlanner>();
  readonly #learnt = new Map<string, ExpectedTokens | ConfidenceCalibration>();
  readonly #known: Readonly<Record<string, AcceptedCounts>>;

  constructor(options: GuardsOptions) {
    this.#options = options;
    this.#known = options.path === undefined ? {} : readMemory(options.path);
    const { calibration, file, maxNodes } = options;
    this.cost = file === undefined ? new RoundCost(calibration) : new KeptCost(calibration, file, maxNodes);
  }

  /** The guard of a generation that begins; it goes on from what the ones before have learnt. */
  of(kind: string): RoundPlanner {
    let guard = this.#guards.get(kind);
    if (guard === undefined) {
      guard = this.#create(kind);
      this.#guards.set(kind, guard);
    }
    guard.begin();
    return guard;
  }

  #create(kind: string): GuardPlanner | SelectingPlanner {
    const { maxNodes, isMeasuring, isWeightless, isSelective, canLookBack, calibration } = this.#options;
    const { cost, pace } = this;
    const { readMsPerToken } = calibration;
    if (isWeightless) {
      const confidences = new ConfidenceCalibration(this.#known[kind]);
      this.#learnt.set(kind, confidences);
      return new SelectingPlanner({ cost, pace, maxNodes, isMeasuring, calibration: confidences });
    }
    const tokens = new ExpectedTokens(maxNodes, this.#known[kind]);
    this.#learnt.set(kind, tokens);
    const known = { cost, pace, tokens, readMsPerToken };
    return new GuardPlanner({ ...known, maxNodes, isSelective, isMeasuring, canLookBack });
  }

  /** Keeps what was learnt for the next process. */
  save(): void {
    const { path } = this.#options;
    if (path === undefined || this.#learnt.size === 0) return;
    const learnt = Array.from(this.#learnt, ([kind, one]) => [kind, one.toJSON()]);
    writeMemory(path, { ...this.#known, ...Object.fromEntries(learnt) });
  }
}
