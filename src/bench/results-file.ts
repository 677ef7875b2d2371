// Results as JSON lines that survive a kill at any point. Knows nothing of how they are measured.
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { ResultsFileError } from '../errors.js';
import { keptRunSchema, type DescribedRun, type RunSettings } from './run-settings.js';
import {
  lineSchema,
  type BenchResults,
  type ResultLine,
  type RunHead,
  type Sample,
  type TrialHead,
} from './sample.js';

/**
 * A file of results that grows by whole records. A record that a kill has cut is dropped when the run goes on, and with it a
 * sample whose twin is missing: a pair is there or it is not.
 */
export class ResultsFile {
  readonly #path: string;
  readonly #file: number;
  #length: number;

  private constructor(path: string, file: number, length: number) {
    this.#path = path;
    this.#file = file;
    this.#length = length;
  }

  /** @throws {ResultsFileError} when the file is there already, or cannot be written */
  static create(path: string, run: DescribedRun): ResultsFile {
    if (existsSync(path)) {
      throw new ResultsFileError(
        `${path} is there already. Go on with it by --resume ${path}, or give another name.`,
      );
    }
    const file = attempt(path, () => {
      mkdirSync(dirname(path), { recursive: true });
      return openSync(path, 'wx');
    });
    const created = new ResultsFile(path, file, 0);
    created.append([run]);
    return created;
  }

  /**
   * Opens a file to go on with it; what a kill has cut off is removed. One that was cut within its first line begins anew.
   * @throws {ResultsFileError} when it cannot be read, or is no file of results, or of another run
   */
  static resume(
    path: string,
    run: DescribedRun,
  ): { readonly file: ResultsFile; readonly results: BenchResults } {
    const bytes = attempt(path, () => readFileSync(path));
    const isBegun = !isCutHead(bytes);
    const { results, settings, length } = isBegun
      ? readLines(path, bytes)
      : { results: resultsOf(run, []), settings: run.settings, length: 0 };
    requireSameRun(path, { ...results.run, settings }, run);
    const file = attempt(path, () => openSync(path, 'r+'));
    attempt(path, () => {
      if (fstatSync(file).size > length) ftruncateSync(file, length);
    });
    const resumed = new ResultsFile(path, file, length);
    if (!isBegun) resumed.append([run]);
    return { file: resumed, results };
  }

  /**
   * Writes all lines or, as far as anyone will read them, none.
   * @throws {ResultsFileError} when the disk is full or the file cannot be written; what was there stays
   */
  append(lines: readonly ResultLine[]): void {
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    attempt(this.#path, () => {
      let written = 0;
      try {
        while (written < bytes.length) {
          written += writeSync(this.#file, bytes, written, bytes.length - written, this.#length + written);
        }
      } catch (error) {
        ftruncateSync(this.#file, this.#length);
        throw error;
      }
      this.#length += bytes.length;
    });
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * What a file of results holds, pairs that are whole.
 * @throws {ResultsFileError} when it cannot be read or is no file of results, naming the line
 */
export function readResults(path: string): BenchResults {
  const bytes = attempt(path, () => readFileSync(path));
  return readLines(path, bytes).results;
}

/** True of a file that a kill has cut before its first line was whole, and of no file of something else. */
function isCutHead(bytes: Buffer): boolean {
  const start = '{"kind":"run",';
  const text = bytes.toString('utf8');
  return !text.includes('\n') && text.slice(0, start.length) === start.slice(0, text.length);
}

/** What a file holds of a run. */
interface KeptRun {
  readonly results: BenchResults;
  /** undefined in files of before they were noted. */
  readonly settings: RunSettings | undefined;
  /** Of the file in bytes up to the last whole record. */
  readonly length: number;
}

function readLines(path: string, bytes: Buffer): KeptRun {
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  const lines: { readonly line: ResultLine; readonly end: number }[] = [];
  let from = 0;
  let settings: RunSettings | undefined;
  for (let number = 1; from < whole.length; number++) {
    const end = whole.indexOf('\n', from) + 1;
    const where = `${path}, line ${number}`;
    const value = parseLine(whole.toString('utf8', from, end), where);
    let line: ResultLine = checked(value, lineSchema, where);
    if (line.kind === 'run') {
      const kept = checked(value, keptRunSchema, where);
      ({ settings } = kept);
      line = kept;
    }
    lines.push({ line, end });
    from = end;
  }
  const last = lines.at(-1);
  // Plain decoding's sample is written first, in one go with the method's.
  if (last?.line.kind === 'sample' && last.line.side === 'plain') lines.pop();
  const run = lines[0]?.line;
  if (run?.kind !== 'run') throw new ResultsFileError(`${path} does not begin with the head of a run.`);
  const records = lines.map(({ line }) => line);
  return { results: resultsOf(run, records), settings, length: lines.at(-1)!.end };
}

function parseLine(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ResultsFileError(`Expected JSON in ${where}: ${(error as Error).message}`, { cause: error });
  }
}

function checked<T>(value: unknown, schema: z.ZodType<T>, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ResultsFileError(`Expected a record of results in ${where}: ${parsed.error.issues[0]?.message}`);
}

/** Lines as results; a failure is forgotten when samples of its trial follow. */
export function resultsOf(run: RunHead, lines: readonly ResultLine[]): BenchResults {
  const trials = new Map<string, TrialHead>();
  const samples: Sample[] = [];
  const failures = new Map<string, Extract<ResultLine, { kind: 'failure' }>>();
  for (const line of lines) {
    if (line.kind === 'trial') {
      trials.set(line.trial, line);
      failures.delete(line.trial);
    } else if (line.kind === 'sample') samples.push(line);
    else if (line.kind === 'failure') failures.set(line.trial, line);
  }
  return { run, trials, samples, failures: [...failures.values()], isComplete: false };
}

/** What has to be the same for samples to belong together, by name and as text. */
function essenceOf(run: RunHead, settings: RunSettings): ReadonlyMap<string, string> {
  const { version, build, device, repetitions, maxTokens, seed, trials } = run;
  const models = { target: run.target.sha256, draft: run.draft?.sha256 ?? null };
  const head = { version, build, device, ...models, repetitions, maxTokens, seed };
  const texts = (values: object): [string, string][] =>
    Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]);
  // Last the trials, for what differs in them is in the settings more clearly.
  return new Map([...texts(head), ...Object.entries(settings), ...texts({ trials })]);
}

function requireSameRun(
  path: string,
  { settings, ...head }: RunHead & { readonly settings: RunSettings | undefined },
  now: DescribedRun,
): void {
  if (settings === undefined) {
    throw new ResultsFileError(
      `${path} is of an older version and does not tell the methods' options and the prompts, so that it cannot go on. ` +
        'Begin another with --jsonl.',
    );
  }
  const [there, here] = [essenceOf(head, settings), essenceOf(now, now.settings)];
  const different = [...there.keys(), ...here.keys()].find((name) => there.get(name) !== here.get(name));
  if (different === undefined) return;
  const values = [there, here].map((run) => run.get(different) ?? 'none');
  throw new ResultsFileError(
    `${path} is of a run with another ${different}: ${values[0]} there, ${values[1]} here.`,
  );
}

function attempt<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ResultsFileError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const hint = code === 'ENOSPC' ? ' The disk is full: make room, then go on with --resume.' : '';
    throw new ResultsFileError(`Cannot use ${path}: ${(error as Error).message}.${hint}`, { cause: error });
  }
}
