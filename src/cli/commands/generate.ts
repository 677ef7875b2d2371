import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { CommandModule } from 'yargs';
import type { GenerationEvent, GenerationResult } from '../../engine/decode-loop.js';
import type { Engine } from '../../engine/engine.js';
import type { GenerateOptions } from '../../engine/options.js';
import { statsLines } from '../../metrics/stats-text.js';
import { engineOptionsOf, samplingOf, withEngineOptions, type EngineArguments } from '../engine-options.js';
import { loadModelsOf, openEngine } from '../models.js';
import { countValue, numberValue, UsageError } from '../option-values.js';
import { statusLine } from '../status-line.js';
import { treePicture } from '../tree-picture.js';

type RoundEvent = Extract<GenerationEvent, { type: 'round' }>;

interface GenerateArguments extends EngineArguments {
  prompt: string | undefined;
  'prompt-file': string | undefined;
  samples: number | undefined;
  trace: string | undefined;
  logprobs: number | undefined;
  'show-tree': boolean;
  json: boolean;
  stats: boolean;
}

/** `outrider generate`: text from a prompt; the text alone goes to stdout. */
export const generateCommand: CommandModule<object, GenerateArguments> = {
  command: 'generate',
  describe: 'Generate text from a prompt',
  builder: (parser) =>
    withEngineOptions(parser)
      .options({
        prompt: { type: 'string', requiresArg: true, describe: 'Prompt' },
        'prompt-file': { type: 'string', requiresArg: true, describe: 'File with the prompt; - is stdin' },
        samples: {
          type: 'string',
          requiresArg: true,
          coerce: countValue('samples'),
          describe: 'Print N JSON objects, one a line, with seeds seed..seed+N-1',
        },
        logprobs: {
          type: 'string',
          requiresArg: true,
          coerce: numberValue('logprobs'),
          describe: "With --json: each token's log-probability, and the N likeliest tokens beside it",
        },
        trace: {
          type: 'string',
          requiresArg: true,
          describe: 'Write every round to this file, one JSON object a line',
        },
        'show-tree': {
          type: 'boolean',
          default: false,
          describe: "Print each round's tree on stderr, with what was accepted",
        },
        stats: {
          type: 'boolean',
          default: false,
          describe: 'Print on stderr where the time went, what was drafted, and why the guard decided so',
        },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
      })
      .conflicts('prompt', 'prompt-file')
      .example('$0 generate --target T.gguf --draft D.gguf --prompt "Once upon a time"', '') as never,
  handler: async (args) => {
    const prompt = await promptOf(args);
    if (args.logprobs !== undefined && !args.json && args.samples === undefined)
      throw new UsageError('Expected --json or --samples N with --logprobs');
    const engineOptions = engineOptionsOf(args);
    const { target, draft, middle } = await loadModelsOf(args);
    const engine = await openEngine({ ...engineOptions, target, draft, middle });
    const trace = args.trace === undefined ? undefined : createWriteStream(args.trace);
    try {
      if (trace !== undefined) await once(trace, 'open');
      await generateAll(engine, prompt, args, (event) => {
        trace?.write(`${JSON.stringify(traceOf(event))}\n`);
        if (!args['show-tree'] || event.draft === undefined) return;
        const textOf = (token: number): string => target.tokenizer.piece(token).text ?? '\ufffd';
        console.error(['', ...treePicture(event.draft, textOf)].join('\n'));
      });
    } finally {
      trace?.end();
      await engine.dispose();
      target.dispose();
      draft?.dispose();
      middle?.dispose();
    }
  },
};

/** A round as one line of a trace: its figures, and its tree where something was drafted. */
function traceOf({ round, draft }: RoundEvent): object {
  if (draft === undefined) return round;
  const { tree, acceptedNodes, nextToken } = draft;
  return {
    ...round,
    tokens: Array.from(tree.tokens),
    parents: Array.from(tree.parents),
    acceptedNodes,
    nextToken,
  };
}

async function promptOf(args: GenerateArguments): Promise<string> {
  const file = args['prompt-file'];
  if (args.prompt !== undefined) return args.prompt;
  if (file === undefined) throw new UsageError('Expected --prompt TEXT or --prompt-file FILE');
  return file === '-' ? readAll(process.stdin) : readFile(file, 'utf8');
}

async function generateAll(
  engine: Engine,
  prompt: string,
  args: GenerateArguments,
  onRound: (event: RoundEvent) => void,
): Promise<void> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(new DOMException('Interrupted', 'AbortError'));
  process.once('SIGINT', interrupt);
  const options: GenerateOptions = {
    maxTokens: args['max-tokens'],
    sampling: samplingOf(args),
    stop: args.stop,
    ignoreEos: args['ignore-eos'],
    logprobs: args.logprobs,
    signal: interruption.signal,
  };
  const firstSeed = args.seed ?? 0;
  const isJson = args.json || args.samples !== undefined;
  try {
    for (let sample = 0; sample < (args.samples ?? 1) && !interruption.signal.aborted; sample++) {
      const seed = firstSeed + sample;
      const result = await generateOne(engine, prompt, { ...options, seed }, !isJson, onRound);
      if (isJson) console.log(JSON.stringify(args.samples === undefined ? result : { seed, ...result }));
      else console.error([statusLine(result), ...(args.stats ? statsLines(result.stats) : [])].join('\n'));
    }
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** An interrupted generation is a result like any other: what came so far. */
async function generateOne(
  engine: Engine,
  prompt: string,
  options: GenerateOptions,
  isShown: boolean,
  onRound: (event: RoundEvent) => void,
): Promise<GenerationResult> {
  const generation = engine.generate(prompt, options);
  try {
    for await (const event of generation) {
      if (event.type === 'text' && isShown) process.stdout.write(event.text);
      if (event.type === 'round') onRound(event);
    }
  } catch (error) {
    if (error !== options.signal?.reason) throw error;
  }
  if (isShown) process.stdout.write('\n');
  return generation.result;
}
