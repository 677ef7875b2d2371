import type { CommandModule } from 'yargs';
import type { RoundCost } from '../../cost/round-cost.js';
import { bestDraftSize } from '../../theory/best-draft.js';
import { expectedChainTokens } from '../../theory/expected-tokens.js';
import { engineOptionsOf, withEngineOptions, type EngineArguments } from '../engine-options.js';
import { loadModelsOf, openEngine } from '../models.js';
import { UsageError } from '../option-values.js';
import { textTable } from '../../metrics/text-table.js';

interface TuneArguments extends EngineArguments {
  json: boolean;
  verbose: boolean;
}

/** Contexts that are measured where the context is long enough. */
const contextLengths = [512, 2048, 8192];
const sizes = [1, 2, 3, 4, 6, 8, 12, 16];
/** Acceptance of a draft token, from mediocre to excellent. */
const rates = [0.5, 0.7, 0.85, 0.95];
const largestTree = 16;
const barWidth = 40;

/** What rounds cost after one length of context. */
interface CostCurve {
  readonly contextLength: number;
  readonly plainMs: number;
  readonly rounds: readonly {
    readonly draftTokens: number;
    readonly ms: number;
    readonly breakEven: number;
  }[];
  readonly plans: readonly {
    readonly acceptance: number;
    readonly draftTokens: number;
    readonly speedup: number;
  }[];
}

/** `outrider tune`: the cost curve of a pair on this machine, and the plan that follows. */
export const tuneCommand: CommandModule<object, TuneArguments> = {
  command: 'tune',
  describe: 'The cost curve of a pair on this machine, and the plan that follows',
  builder: (parser) =>
    withEngineOptions(parser)
      .default('tree', `auto:${largestTree}`)
      .options({ json: { type: 'boolean', default: false, describe: 'Print one JSON object' } }) as never,
  handler: async (args) => {
    const engineOptions = engineOptionsOf(args);
    if (args.guard === 'off')
      throw new UsageError('Expected --guard on with tune: costs are measured for the guard');
    const models = await loadModelsOf(args);
    const { target, draft } = models;
    const engine = await openEngine({ ...models, ...engineOptions, measureContexts: contextLengths });
    try {
      if (engine.cost === undefined) {
        throw new UsageError('Expected a drafter to tune: --draft D.gguf or --drafter NAME');
      }
      const { contextSize } = engine.contextInfo;
      const curves = [0, ...contextLengths]
        .filter((length) => length < contextSize)
        .flatMap((length) => curveOf(engine.cost!, length) ?? []);
      const { ms: sizeChangeMs } = engine.cost.sizeChange;
      const change = engine.cost.holdsSizes(0) ? describedChange(sizeChangeMs) : [];
      if (args.json) {
        console.log(
          JSON.stringify({ target: target.path, draft: draft?.path ?? null, curves, sizeChangeMs }),
        );
      } else {
        for (const line of [...curves.flatMap(picture), ...change]) console.log(line);
      }
    } finally {
      await engine.dispose();
      target.dispose();
      draft?.dispose();
      models.middle?.dispose();
    }
  },
};

function curveOf(cost: RoundCost, contextLength: number): CostCurve | undefined {
  const plainMs = cost.predict(0, contextLength);
  if (plainMs === undefined || plainMs === 0) return undefined;
  const msOf = (numNodes: number): number | undefined => cost.predict(numNodes, contextLength);
  const rounds = sizes.flatMap((draftTokens) => {
    const ms = msOf(draftTokens);
    return ms === undefined ? [] : [{ draftTokens, ms, breakEven: ms / plainMs }];
  });
  const plans = rates.map((acceptance) => {
    const expectedTokens = (length: number): number => expectedChainTokens(acceptance, length);
    const { numDraftTokens, speedup } = bestDraftSize(
      { plainMs, roundMs: msOf, expectedTokens },
      largestTree,
    );
    return { acceptance, draftTokens: numDraftTokens, speedup };
  });
  return { contextLength, plainMs, rounds, plans };
}

/** What a GPU takes more for the first batches of another size. */
function describedChange(ms: number): string[] {
  return [
    `Rounds of another size than those before take ${ms.toFixed(2)} ms more, in all: drafts are best of one size`,
  ];
}

/** A bar for each size: tokens that a round has to bring to be worth its time. */
function picture({ contextLength, plainMs, rounds, plans }: CostCurve): string[] {
  const largest = Math.max(...rounds.map(({ breakEven }) => breakEven), 1);
  const rows = [
    ['draft tokens', 'ms a round', 'tokens to break even', ''],
    ...rounds.map(({ draftTokens, ms, breakEven }) => [
      String(draftTokens),
      ms.toFixed(2),
      breakEven.toFixed(2),
      '\u2588'.repeat(Math.max(1, Math.round((barWidth * breakEven) / largest))).padEnd(barWidth),
    ]),
  ];
  return [
    `${contextLength} tokens of context: plain decoding takes ${plainMs.toFixed(2)} ms a token`,
    ...textTable(rows),
    ...plans.map(({ acceptance, draftTokens, speedup }) =>
      draftTokens === 0
        ? `  ${acceptance} of draft tokens accepted: plain decoding`
        : `  ${acceptance} of draft tokens accepted: chains of ${draftTokens}, ${speedup.toFixed(2)} times as fast as plain`,
    ),
    '',
  ];
}
