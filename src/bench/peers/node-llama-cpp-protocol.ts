// The lines between node-llama-cpp's process and this one.
import { z } from 'zod';
import type { ContextOptions } from '../../model/context-options.js';

/** How drafts are made. */
export type NodeLlamaCppDrafts = 'model' | 'lookup' | 'none';

/** What the process is started with, as JSON in its one argument. */
export interface WorkerSettings {
  readonly drafts: NodeLlamaCppDrafts;
  readonly targetPath: string;
  readonly draftPath: string | undefined;
  readonly threads: number;
  readonly contextSize: number;
  readonly numDraft: number;
  readonly batchSize?: number | undefined;
  readonly kvType?: ContextOptions['kvType'];
  readonly flashAttention?: ContextOptions['flashAttention'];
}

/** A line of its stdin. */
export interface WorkerRequest {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly seed: number;
  readonly ignoreEos: boolean;
}

/** What it made of a request; times in milliseconds. */
export const workerAnswerSchema = z.object({
  text: z.string(),
  tokens: z.array(z.number().int()),
  /** From the first to the last token. */
  decodeMs: z.number(),
  firstTokenMs: z.number(),
  wallMs: z.number(),
  draftTokens: z.number().int(),
  acceptedTokens: z.number().int(),
});

/** A line of its stdout: the first says that it is ready, then one comes for each request; it ends where one fails. */
export const workerLineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), version: z.string() }),
  z.object({ kind: z.literal('answer'), answer: workerAnswerSchema }),
]);

/** Any line of its stdout. */
export type WorkerLine = z.infer<typeof workerLineSchema>;

/** What it made of a request. */
export type WorkerAnswer = z.infer<typeof workerAnswerSchema>;
