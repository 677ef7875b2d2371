// The options that generate and chat share: models, sampling, speculation. One place for names, help and meaning.
import type { Argv, InferredOptionTypes, Options } from 'yargs';
import { drafterNames } from '../engine/drafters.js';
import type { EngineOptions } from '../engine/options.js';
import { verifierNames } from '../engine/verifiers.js';
import type { SamplingParams } from '../types.js';
import { logitBiasValue, numberValue, UsageError } from './option-values.js';
import { sparseOptionsOf } from './sparse-arguments.js';

/** A numeric option; text is read strictly, so that a typo is an error and not NaN. */
function numeric<Name extends string>(name: Name, describe: string, group: string) {
  return {
    type: 'string',
    requiresArg: true,
    describe,
    group,
    coerce: numberValue(name),
  } as const satisfies Options;
}

const models = 'Models:';
const sampling = 'Sampling:';
const speculation = 'Speculation:';

const definitions = {
  target: {
    type: 'string',
    requiresArg: true,
    group: models,
    describe: 'Target model: path, hf:user/repo:quant or https address',
  },
  draft: {
    type: 'string',
    requiresArg: true,
    group: models,
    describe: 'Draft model with the same vocabulary',
  },
  middle: {
    type: 'string',
    requiresArg: true,
    group: models,
    describe:
      'Model between the two: verifies what the drafter says, and what it says is the draft for the target',
  },
  gpu: {
    choices: ['auto', 'off', 'cuda', 'metal', 'vulkan'] as const,
    default: 'auto' as const,
    group: models,
    describe: 'Device',
  },
  'gpu-layers': {
    type: 'string',
    requiresArg: true,
    group: models,
    describe: 'Layers on the GPU: auto, max or a number',
  },
  threads: numeric('threads', 'CPU threads, default all cores', models),
  'context-size': numeric('context-size', 'KV cache in tokens', models),
  'batch-size': numeric('batch-size', 'Largest decode in tokens', models),
  'kv-type': {
    choices: ['f32', 'f16', 'q8_0', 'q4_0'] as const,
    group: models,
    describe: 'KV cache type, default f16',
  },
  'flash-attention': {
    choices: ['auto', 'on', 'off'] as const,
    group: models,
    describe: 'Flash attention, default auto',
  },
  temperature: numeric('temperature', 'Default 0.8; 0 is greedy', sampling),
  'top-k': numeric('top-k', 'Keep the K likeliest tokens; 0 is off', sampling),
  'top-p': numeric('top-p', 'Keep the likeliest tokens up to this mass; 1 is off', sampling),
  'min-p': numeric('min-p', 'Drop tokens below this share of the likeliest', sampling),
  'typical-p': numeric('typical-p', 'Locally typical sampling; 1 is off', sampling),
  'repeat-penalty': numeric('repeat-penalty', '1 is off', sampling),
  'frequency-penalty': numeric('frequency-penalty', '0 is off', sampling),
  'presence-penalty': numeric('presence-penalty', '0 is off', sampling),
  'penalty-last-n': numeric('penalty-last-n', 'Tokens that the penalties see; -1 is all', sampling),
  'dry-multiplier': numeric('dry-multiplier', 'DRY penalty; 0 is off', sampling),
  'dry-base': numeric('dry-base', 'Growth of the DRY penalty', sampling),
  'dry-allowed-length': numeric('dry-allowed-length', 'Repeated tokens that DRY allows', sampling),
  'logit-bias': {
    type: 'string',
    array: true,
    requiresArg: true,
    group: sampling,
    describe: 'ID:X adds X to a token; repeatable',
  },
  seed: numeric('seed', 'Default 0', sampling),
  'max-tokens': numeric('max-tokens', 'Output tokens at most', sampling),
  stop: {
    type: 'string',
    array: true,
    requiresArg: true,
    group: sampling,
    describe: 'Text that ends the output; repeatable',
  },
  'ignore-eos': {
    type: 'boolean',
    default: false,
    group: sampling,
    describe: 'Go on past end-of-generation tokens',
  },
  drafter: {
    type: 'string',
    array: true,
    requiresArg: true,
    group: speculation,
    describe:
      `${drafterNames.join(', ')}; repeatable: several fill one tree; default: model where there is a draft, and suffix ` +
      'beside it where the guard decides',
  },
  datastore: {
    type: 'string',
    requiresArg: true,
    group: speculation,
    describe: 'Datastore of the drafter retrieval; default the one that outrider index writes',
  },
  verifier: {
    type: 'string',
    requiresArg: true,
    default: 'auto',
    group: speculation,
    describe: `auto, ${verifierNames.join(', ')}`,
  },
  epsilon: numeric('epsilon', 'Over-acceptance of the lossy verifier pareto, such as 0.1', speculation),
  tree: {
    type: 'string',
    requiresArg: true,
    default: 'auto',
    group: speculation,
    describe:
      'Shape of the draft: auto, auto:N, chain:N, static:3,2,1, dynamic:N (by measured acceptance), sequoia:N, dyspec:N, eagle-2:N, opt-tree:N. auto is at most 12 tokens of a draft model under the guard, 4 without it, with --middle and with --sparse; with a drafter that needs no model, as suffix is beside it by default, at most 16 in all',
  },
  'middle-tokens': numeric('middle-tokens', 'Draft tokens of the middle model, default 8', speculation),
  'min-draft-probability': numeric(
    'min-draft-probability',
    'Stop drafting below this confidence',
    speculation,
  ),
  'draft-draws': {
    choices: ['auto', 'argmax', 'sampled'] as const,
    group: speculation,
    describe: 'How the draft model draws',
  },
  'draft-temperature': {
    type: 'string',
    requiresArg: true,
    group: speculation,
    describe:
      "Temperature of the draft model's draws as a factor of the target's, lossless at any: auto, the default under the guard, is the one at which both overlapped most so far; or a number, 1 without guard",
    coerce: (value: string) => (value === 'auto' ? value : numberValue('draft-temperature')(value)),
  },
  sparse: {
    choices: ['always', 'auto'] as const,
    group: speculation,
    describe:
      'auto: leave out only what makes a batch faster here, by measured times; alone: whatever the model has',
  },
  'sparse-attention': numeric(
    'sparse-attention',
    'Read so many tokens of a longer context while verifying',
    speculation,
  ),
  'sparse-experts': numeric(
    'sparse-experts',
    'Skip at most so many experts of a token while verifying; needs a calibration',
    speculation,
  ),
  'sparse-experts-scale': numeric(
    'sparse-experts-scale',
    "Times the calibration's shares below which experts are skipped, default 1; less skips fewer",
    speculation,
  ),
  'sparse-ffn': numeric(
    'sparse-ffn',
    'Leave out channels that stay below this while verifying; needs a calibration',
    speculation,
  ),
  'sparse-recheck': {
    choices: ['dense', 'off'] as const,
    group: speculation,
    describe: 'dense: lossless, the default; off: lossy, and says by how much',
  },
  'sparse-recheck-tokens': {
    type: 'string',
    requiresArg: true,
    group: speculation,
    describe:
      'Tokens from one recheck to the next: auto (by measured times; 16 without guard), the default, or a number',
  },
  'sparse-audit': numeric(
    'sparse-audit',
    'Without recheck, decode every so many thinned batches densely, too, and compare; default 16, 1 is each, 0 none',
    speculation,
  ),
  stitch: numeric(
    'stitch',
    'Lossy: the draft model writes while its entropy (0 to 1) is at most this, such as 0.02; then the target',
    speculation,
  ),
  guard: {
    choices: ['on', 'off'] as const,
    default: 'on' as const,
    group: speculation,
    describe: 'on: draft as much as pays, or not at all; off: always as much as the tree says',
  },
  'measure-speedup': {
    type: 'boolean',
    default: true,
    group: speculation,
    describe: 'Mix in plain rounds to measure the speedup',
  },
} as const satisfies Record<string, Options>;

/** Options that may be given more than once. */
export const repeatableOptions: ReadonlySet<string> = new Set(
  Object.entries(definitions).flatMap(([name, definition]) => ('array' in definition ? [name] : [])),
);

/** Values of the shared options. */
export type EngineArguments = InferredOptionTypes<typeof definitions>;

/** Names of the options that say how to draft and verify; all others say on what and for whom. */
export const methodOptionNames: ReadonlySet<string> = new Set(
  Object.entries(definitions).flatMap(([name, { group }]) =>
    group === speculation || name === 'middle' ? [name] : [],
  ),
);

/** Names of the shared options that say something else than where they are not given. */
export function givenOptions(args: EngineArguments): readonly string[] {
  return Object.entries(definitions).flatMap(([name, definition]) => {
    const value = args[name as keyof EngineArguments];
    const unsaid = 'default' in definition ? definition.default : undefined;
    return value === undefined || value === unsaid ? [] : [name];
  });
}

/** Adds the shared options to a command. */
export function withEngineOptions<T>(parser: Argv<T>): Argv<T & EngineArguments> {
  return parser.options(definitions) as unknown as Argv<T & EngineArguments>;
}

/** Temperature where none is given: what chat tools commonly use. */
const defaultTemperature = 0.8;

/** Sampling parameters; undefined fields keep the library's neutral defaults. */
export function samplingOf(args: EngineArguments): SamplingParams {
  return {
    temperature: args.temperature ?? defaultTemperature,
    topK: args['top-k'],
    topP: args['top-p'],
    minP: args['min-p'],
    typicalP: args['typical-p'],
    repeatPenalty: args['repeat-penalty'],
    frequencyPenalty: args['frequency-penalty'],
    presencePenalty: args['presence-penalty'],
    penaltyLastN: args['penalty-last-n'],
    dryMultiplier: args['dry-multiplier'],
    dryBase: args['dry-base'],
    dryAllowedLength: args['dry-allowed-length'],
    logitBias: logitBiasValue(args['logit-bias']),
  };
}

/** Engine options but for the models. */
export function engineOptionsOf(args: EngineArguments): Omit<EngineOptions, 'target' | 'draft' | 'middle'> {
  const unknown = args.drafter?.find((name) => !drafterNames.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Expected ${drafterNames.join(', ')} for --drafter but received ${unknown}`);
  }
  return {
    drafter: args.drafter,
    datastore: args.datastore,
    verifier: args.verifier,
    epsilon: args.epsilon,
    tree: args.tree,
    middleTokens: args['middle-tokens'],
    minDraftProbability: args['min-draft-probability'],
    draftDraws: args['draft-draws'],
    draftTemperature: args['draft-temperature'],
    guard: args.guard === 'on',
    measureSpeedup: args['measure-speedup'],
    sparse: sparseOptionsOf(args),
    stitch: args.stitch,
    context: contextOptionsOf(args),
  };
}

/** Options of the contexts. */
export function contextOptionsOf(args: EngineArguments): NonNullable<EngineOptions['context']> {
  return {
    contextSize: args['context-size'],
    batchSize: args['batch-size'],
    kvType: args['kv-type'],
    flashAttention: args['flash-attention'],
    threads: args.threads,
  };
}

/** `--gpu-layers` as the library takes it. */
export function gpuLayersOf(args: EngineArguments): 'auto' | 'max' | number | undefined {
  const value = args['gpu-layers'];
  if (value === undefined || value === 'auto' || value === 'max') return value;
  return numberValue('gpu-layers')(value);
}
