// What a benchmark writes down, line by line. Knows nothing of how it was measured or what is made of it.
import { z } from 'zod';

/** What is run on what: one cell of the table. */
export const trialSchema = z.object({
  workload: z.string(),
  /** Its name in the report. */
  method: z.string(),
  temperature: z.number().min(0),
  /** Draft tokens of a round at most; null where the method says. */
  nodes: z.number().int().positive().nullable(),
});

/** One workload under one method: a row of the report. */
export type Trial = z.infer<typeof trialSchema>;

/** A trial's name: what its lines carry, and what filters look at. */
export function trialName({ workload, method, temperature, nodes }: Trial): string {
  return `${workload}, ${method}, temperature ${temperature}${nodes === null ? '' : `, ${nodes} nodes`}`;
}

/** The run as a whole; the first line of a file. */
export const runSchema = z.object({
  kind: z.literal('run'),
  /** Of the format of these lines. */
  version: z.literal(1),
  /** ISO 8601, with date and time. */
  startedAt: z.string(),
  outrider: z.string(),
  /** Version of llama.cpp, and the build's type and backends. */
  build: z.string(),
  /** Processors, GPU. */
  device: z.string(),
  /** What may disturb: load, battery, governor; a sentence each. */
  notes: z.array(z.string()),
  target: z.object({ path: z.string(), sha256: z.string(), description: z.string() }),
  draft: z.object({ path: z.string(), sha256: z.string(), description: z.string() }).nullable(),
  repetitions: z.number().int().positive(),
  maxTokens: z.number().int().positive(),
  seed: z.number().int(),
  trials: z.array(trialSchema),
});

/** The head of a file of results. */
export type RunHead = z.infer<typeof runSchema>;

/** A trial that begins: settings that were asked for, and those that came of them. */
export const trialHeadSchema = z.object({
  kind: z.literal('trial'),
  trial: z.string(),
  /** Options as on the command line. */
  requested: z.string(),
  achieved: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  lossless: z.boolean(),
  /** Prompts of the trial. */
  numPrompts: z.number().int().positive(),
  /** Milliseconds of a round of so many draft tokens after `contextLength` tokens, as far as known; empty without a guard. */
  cost: z.array(z.object({ numNodes: z.number(), contextLength: z.number(), ms: z.number() })),
});

/** Head of a trial's samples. */
export type TrialHead = z.infer<typeof trialHeadSchema>;

/** One answer, by plain decoding or by the method. */
export const sampleSchema = z.object({
  kind: z.literal('sample'),
  trial: z.string(),
  prompt: z.string(),
  category: z.string(),
  /** From 0; the same prompt and seed in each. */
  repetition: z.number().int().min(0),
  side: z.enum(['plain', 'method']),
  seed: z.number().int(),
  /** Over all turns of the conversation. */
  outputTokens: z.number().int(),
  promptTokens: z.number().int(),
  /** Milliseconds of decoding after the prompts, over all turns. */
  decodeMs: z.number(),
  /** Output tokens that `decodeMs` is the time of: all of them, or all but a first one that came by itself. */
  decodedTokens: z.number().int(),
  draftTokens: z.number().int(),
  acceptedTokens: z.number().int(),
  /** Of the first turn. */
  firstTokenMs: z.number(),
  /** Of everything, prompts included. */
  wallMs: z.number(),
  /** Milliseconds since the run began. */
  at: z.number(),
  /** Of each round: accepted draft tokens; plain rounds left out, and all where a peer does not tell them. */
  accepted: z.array(z.number().int()),
  /** Of each round: drafted tokens. */
  drafted: z.array(z.number().int()),
  /** Of each round: depth of the draft; what positions are counted by. */
  depths: z.array(z.number().int()),
  /** Of each round: milliseconds. */
  roundMs: z.array(z.number()),
  plainRounds: z.number().int(),
  times: z
    .object({ draft: z.number(), decode: z.number(), verify: z.number(), overhead: z.number() })
    .nullable(),
  /** What the guard last said; empty without one. */
  guard: z.string(),
  /** False: these are not the tokens of plain decoding. Null where it cannot be said, as above temperature 0. */
  isSame: z.boolean().nullable(),
  /** Difference of log-probabilities of the two tokens where the answers part; null where they do not, or it is not known. */
  margin: z.number().nullable(),
  isCorrect: z.boolean().nullable(),
  /** Of a lossy method against the dense target, where it was audited. */
  quality: z.object({ totalVariation: z.number(), topAgreement: z.number() }).nullable(),
  /** Total variation distance that a lossy rule spent, summed over output tokens; null under a rule that counts none. */
  bias: z.number().nullable().default(null),
  /** How often the processor was throttled for heat meanwhile, where the system tells. */
  throttles: z.number().int().min(0).default(0),
});

/** One measured answer. */
export type Sample = z.infer<typeof sampleSchema>;

/** A trial that was begun and could not be measured. */
export const failureSchema = z.object({
  kind: z.literal('failure'),
  trial: z.string(),
  message: z.string(),
});

/** Why there are no figures of a trial. */
export type TrialFailure = z.infer<typeof failureSchema>;

/** A line of a file of results. */
export const lineSchema = z.discriminatedUnion('kind', [
  runSchema,
  trialHeadSchema,
  sampleSchema,
  failureSchema,
]);

/** Any line of a file of results. */
export type ResultLine = z.infer<typeof lineSchema>;

/** What a run brought, however it ended. */
export interface BenchResults {
  readonly run: RunHead;
  readonly trials: ReadonlyMap<string, TrialHead>;
  readonly samples: readonly Sample[];
  readonly failures: readonly TrialFailure[];
  /** False: the run was ended before its last trial. */
  readonly isComplete: boolean;
}
