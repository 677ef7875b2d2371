// How often an engine answers right, task by task. Knows nothing of files.
import { ChatSession, type ChatOptions } from '../chat/chat-session.js';
import type { Engine } from '../engine/engine.js';
import type { GenerationResult } from '../engine/decode-loop.js';
import type { StitchStats } from '../engine/stitched-rounds.js';
import { pooledStats, type SparseStats } from '../sparse/audit.js';
import { isCorrect, type EvalPrompt, type EvalTask } from './task-file.js';

/** What an engine made of one task. */
export interface TaskScore {
  readonly task: string;
  readonly numPrompts: number;
  readonly numCorrect: number;
  /** numCorrect / numPrompts. */
  readonly accuracy: number;
  /** accepted / drafted; null when nothing was drafted. */
  readonly acceptanceRate: number | null;
  /** Output tokens of a speculative round; null when nothing was drafted. */
  readonly meanAcceptanceLength: number | null;
  readonly outputTokens: number;
  /** Output tokens per second of decoding. */
  readonly tokensPerSecond: number;
  /** True when every answer followed the target's distribution exactly. */
  readonly lossless: boolean;
  /** How far a thinned target was from the dense one; there where it was without recheck. */
  readonly sparse?: SparseStats | undefined;
  /** Who wrote how much; there where target and draft model took turns. */
  readonly stitch?: StitchStats | undefined;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** How answers are generated. */
  readonly generate: NonNullable<ChatOptions['generate']>;
  /** Called after each answer. */
  readonly onAnswer?: ((answer: Answer) => void) | undefined;
}

/** An answer and whether it is right. */
export interface Answer {
  readonly task: string;
  readonly prompt: EvalPrompt;
  readonly text: string;
  readonly isCorrect: boolean;
}

/** Lets the engine answer every prompt of a task, through the model's chat template. */
export async function evaluate(engine: Engine, task: EvalTask, options: EvaluateOptions): Promise<TaskScore> {
  const results: GenerationResult[] = [];
  let numCorrect = 0;
  for (const prompt of task.prompts) {
    const result = await answer(engine, prompt, options.generate);
    const correct = isCorrect(prompt, result.text);
    results.push(result);
    numCorrect += Number(correct);
    options.onAnswer?.({ task: task.name, prompt, text: result.text, isCorrect: correct });
  }
  return scoreOf(task, numCorrect, results);
}

/** Lets the engine answer a prompt through the model's chat template. */
export async function answer(
  engine: Engine,
  prompt: EvalPrompt,
  generate: EvaluateOptions['generate'],
): Promise<GenerationResult> {
  const session = new ChatSession(engine, { generate });
  const first = prompt.messages[0]!;
  if (first.role === 'system') session.system = first.content;
  session.messages = prompt.messages.slice(first.role === 'system' ? 1 : 0, -1);
  const events = session.ask(prompt.messages.at(-1)!.content);
  for (;;) {
    const next = await events.next();
    if (next.done === true) return next.value;
  }
}

function scoreOf(task: EvalTask, numCorrect: number, results: readonly GenerationResult[]): TaskScore {
  const sum = (of: (result: GenerationResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const drafted = sum(({ stats }) => stats.draftTokens);
  const accepted = sum(({ stats }) => stats.acceptedTokens);
  const speculative = sum(({ stats }) => stats.rounds - stats.guard.plainRounds);
  const outputTokens = sum(({ stats }) => stats.outputTokens);
  const seconds = sum(({ stats }) =>
    stats.tokensPerSecond > 0 ? stats.outputTokens / stats.tokensPerSecond : 0,
  );
  return {
    task: task.name,
    numPrompts: task.prompts.length,
    numCorrect,
    accuracy: numCorrect / task.prompts.length,
    acceptanceRate: drafted === 0 ? null : accepted / drafted,
    meanAcceptanceLength: drafted === 0 ? null : accepted / speculative + 1,
    outputTokens,
    tokensPerSecond: seconds === 0 ? 0 : outputTokens / seconds,
    lossless: results.every(({ lossless }) => lossless),
    sparse: pooledStats(results.flatMap(({ sparse }) => sparse ?? [])),
    stitch: pooledTurns(results.flatMap(({ stitch }) => stitch ?? [])),
  };
}

function pooledTurns(stats: readonly StitchStats[]): StitchStats | undefined {
  if (stats.length === 0) return undefined;
  const sum = (of: (one: StitchStats) => number): number => stats.reduce((total, one) => total + of(one), 0);
  return {
    draftTokens: sum(({ draftTokens }) => draftTokens),
    targetTokens: sum(({ targetTokens }) => targetTokens),
    switches: sum(({ switches }) => switches),
  };
}
