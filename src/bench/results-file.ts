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
import { ResultsFileError } from '../errors.js';
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
  static create(path: string, run: RunHead): ResultsFile {
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
   * Opens a file to go on with it; what a kill has cut off is removed.
   * @throws {ResultsFileError} when it cannot be read, or is no file of results, or of another run
   */
  static resume(path: string, run: RunHead): { readonly file: ResultsFile; readonly results: BenchResults } {
    const { results, length } = readLines(path);
    requireSameRun(path, results.run, run);
    const file = attempt(path, () => openSync(path, 'r+'));
    attempt(path, () => {
      if (fstatSync(file).size > length) ftruncateSync(file, length);
    });
    return { file: new ResultsFile(path, file, length), results };
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
  return readLines(path).results;
}

/** The results and the length of the file in bytes up to the last whole record. */
function readLines(path: string): { results: BenchResults; length: number } {
  const bytes = attempt(path, () => readFileSync(path));
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  const lines: { readonly line: ResultLine; readonly end: number }[] = [];
  let from = 0;
  for (let number = 1; from < whole.length; number++) {
    const end = whole.indexOf('\n', from) + 1;
    lines.push({ line: parseLine(whole.toString('utf8', from, end), `${path}, line ${number}`), end });
    from = end;
  }
  const last = lines.at(-1);
  // Plain decoding's sample is written first, in one go with the method's.
  if (last?.line.kind === 'sample' && last.line.side === 'plain') lines.pop();
  const run = lines[0]?.line;
  if (run?.kind !== 'run') throw new ResultsFileError(`${path} does not begin with the head of a run.`);
  return {
    results: resultsOf(
      run,
      lines.map(({ line }) => line),
    ),
    length: lines.at(-1)!.end,
  };
}

function parseLine(text: string, where: string): ResultLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ResultsFileError(`Expected JSON in ${where}: ${(error as Error).message}`, { cause: error });
  }
  const parsed = lineSchema.safeParse(value);
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

/** What has to be the same for samples to belong together. */
function requireSameRun(path: string, before: RunHead, now: RunHead): void {
  const keys = [
    'version',
    'build',
    'device',
    'target',
    'draft',
    'repetitions',
    'maxTokens',
    'seed',
    'trials',
  ] as const;
  const essence = (run: RunHead, key: (typeof keys)[number]): string =>
    JSON.stringify(key === 'target' || key === 'draft' ? (run[key]?.sha256 ?? null) : run[key]);
  const different = keys.find((key) => essence(before, key) !== essence(now, key));
  if (different === undefined) return;
  throw new ResultsFileError(
    `${path} is of a run with another ${different}: ${essence(before, different)} there, ${essence(now, different)} here.`,
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
