// The file that holds a saved sequence: a checked header, its tokens, llama.cpp's bytes.
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { StateFileError } from '../errors.js';

const magic = 'OUTRIDER STATE\n';
const version = 1;

/** What a state belongs to; a state of anything else is refused. */
export interface StateFingerprint {
  readonly architecture: string;
  readonly numParameters: number;
  readonly vocabSize: number;
  readonly numLayers: number;
  readonly embeddingSize: number;
}

/** What states of a model belong to. */
export function fingerprintOf(info: StateFingerprint): StateFingerprint {
  const { architecture, numParameters, vocabSize, numLayers, embeddingSize } = info;
  return { architecture, numParameters, vocabSize, numLayers, embeddingSize };
}

/** A saved sequence. */
export interface SequenceState {
  /** [numTokens] */
  readonly tokens: Int32Array;
  /** llama.cpp's own bytes. */
  readonly bytes: Buffer;
}

const headerSchema = z.object({
  version: z.literal(version),
  numTokens: z.int().nonnegative(),
  numBytes: z.int().nonnegative(),
  sha256: z.string().length(64),
  fingerprint: z.object({
    architecture: z.string(),
    numParameters: z.number(),
    vocabSize: z.number(),
    numLayers: z.number(),
    embeddingSize: z.number(),
  }),
});

/**
 * Writes a state beside `path` and then moves it there, so that `path` is never half written.
 * @throws {StateFileError} when the folder cannot be written or the disk is full
 */
export async function writeStateFile(
  path: string,
  state: SequenceState & { readonly fingerprint: StateFingerprint },
): Promise<void> {
  const tokens = Buffer.from(state.tokens.buffer, state.tokens.byteOffset, state.tokens.byteLength);
  const header = JSON.stringify({
    version,
    numTokens: state.tokens.length,
    numBytes: state.bytes.length,
    sha256: checksum(tokens, state.bytes),
    fingerprint: state.fingerprint,
  });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.partial`;
  try {
    const file = await open(temporary, 'wx');
    try {
      for (const part of [Buffer.from(`${magic}${header}\n`), tokens, state.bytes])
        await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new StateFileError(`The state could not be saved to ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Reads a state and checks that it is whole and of this model.
 * @throws {StateFileError} naming what is wrong
 */
export async function readStateFile(path: string, fingerprint: StateFingerprint): Promise<SequenceState> {
  const refuse = (why: string, cause?: unknown): StateFileError =>
    new StateFileError(`The state file ${path} ${why}`, { cause });
  const file = await readFile(path).catch((error: unknown) => {
    throw refuse(`could not be read: ${(error as Error).message}`, error);
  });
  const start = magic.length;
  const end = file.indexOf('\n', start);
  if (file.toString('latin1', 0, start) !== magic || end < 0) throw refuse('is not a saved state.');
  const header = parseHeader(file.toString('utf8', start, end));
  if (header === undefined) throw refuse('has a header that this version cannot read. Save it again.');
  const other = (Object.keys(fingerprint) as (keyof StateFingerprint)[]).find(
    (key) => fingerprint[key] !== header.fingerprint[key],
  );
  if (other !== undefined) {
    throw refuse(
      `belongs to another model: ${other} is ${header.fingerprint[other]} there and ${fingerprint[other]} here.`,
    );
  }
  const tokensEnd = end + 1 + 4 * header.numTokens;
  const tokens = file.subarray(end + 1, tokensEnd);
  const bytes = file.subarray(tokensEnd);
  if (bytes.length !== header.numBytes || checksum(tokens, bytes) !== header.sha256) {
    throw refuse('is damaged: it was cut off or changed. Save it again.');
  }
  return { tokens: new Int32Array(new Uint8Array(tokens).buffer), bytes: Buffer.from(bytes) };
}

function parseHeader(text: string): z.infer<typeof headerSchema> | undefined {
  try {
    return headerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function checksum(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
