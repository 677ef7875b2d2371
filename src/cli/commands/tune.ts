import type { CommandModule } from 'yargs';
import { readMemory } from '../../engine/cost-store.js';
import type { Engine } from '../../engine/engine.js';
import { KeptCost, type CostKeeping } from '../../engine/kept-cost.js';
import { engineOptionsOf, withEngineOptions, type EngineArguments } from '../engine-options.js';
import { loadModelsOf, openEngine, type LoadedModels } from '../models.js';
import { UsageError } from '../option-values.js';
import { writeReportFile } from '../report-file.js';
import { curveOf, knownAcceptance } from '../tune-curves.js';
import { tunePage } from '../tune-page.js';
import { tuneLines, type TuneReport } from '../tune-sentences.js';

interface TuneArguments extends EngineArguments {
  json: boolean;
  html: string | undefined;
  verbose: boolean;
}

/** Contexts that are measured where the context is long enough. */
const contextLengths = [512, 2048, 8192];

/** What was measured is not there for the next process. */
class NothingSavedError extends Error {}

const reasons: Readonly<Record<Exclude<CostKeeping, 'kept'>, string>> = {
  busy: 'other processes kept cores busy while costs were measured. Run it again when they have ended',
  unmeasured:
    'measuring would spoil a recurrent state, so that what rounds of this model cost is learnt in use',
  unwritable: 'the file cannot be written',
};

/** `outrider tune`: the cost curve of a pair on this machine, and the plan that follows. */
export const tuneCommand: CommandModule<object, TuneArguments> = {
  command: 'tune',
  describe: 'The cost curve of a pair on this machine, and the plan that follows',
  builder: (parser) =>
    withEngineOptions(parser).options({
      json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      html: {
        type: 'string',
        requiresArg: true,
        describe: 'Where the page with picture and plan goes; default beside the costs',
      },
    }) as never,
  handler: async (args) => {
    const engineOptions = engineOptionsOf(args);
    if (args.guard === 'off')
      throw new UsageError('Expected --guard on with tune: costs are measured for the guard');
    const models = await loadModelsOf(args);
    const engine = await openEngine({ ...models, ...engineOptions, measureContexts: contextLengths });
    try {
      const { cost } = engine;
      if (!(cost instanceof KeptCost))
        throw new UsageError('Expected a drafter to tune: --draft D.gguf or --drafter NAME');
      const report = reportOf(engine, cost, models);
      if (args.json) console.log(JSON.stringify(report));
      else for (const line of tuneLines(report)) console.log(line);
      await save(report, args.html);
    } finally {
      await engine.dispose();
      models.target.dispose();
      models.draft?.dispose();
      models.middle?.dispose();
    }
  },
};

function reportOf(engine: Engine, cost: KeptCost, { target, draft }: LoadedModels): TuneReport {
  const { contextInfo, drafter } = engine;
  const { file, maxNodes } = cost;
  const basis = { cost, maxNodes, drafter: drafter!, memory: readMemory(file.path) };
  return {
    target: target.path,
    draft: draft?.path ?? null,
    drafter: engine.drafterName,
    curves: [0, ...contextLengths]
      .filter((length) => length < contextInfo.contextSize)
      .flatMap((length) => curveOf(basis, length) ?? []),
    knownAcceptance: knownAcceptance(basis),
    sizeChangeMs: cost.sizeChange.ms,
    holdsSizes: cost.holdsSizes(0),
    costs: file,
  };
}

/** Costs are in their file already; the page goes beside them, or where it is asked for. */
async function save(report: TuneReport, asked: string | undefined): Promise<void> {
  const { path, keeping } = report.costs;
  const page = asked ?? (keeping === 'kept' ? path.replace(/\.json$/, '.html') : undefined);
  if (page !== undefined) {
    writeReportFile(page, await tunePage(report));
    console.error(`Picture and plan: ${page}`);
  }
  if (keeping !== 'kept') throw new NothingSavedError(`No costs were saved to ${path}: ${reasons[keeping]}.`);
  console.error(`Costs: ${path}`);
}
