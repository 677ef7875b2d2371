// What llama.cpp's own programs have in common: that they are there, their version, their options.
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { PeerError } from '../../errors.js';
import type { PeerSettings } from '../peer.js';
import { stderrTail } from './peer-process.js';

/** Milliseconds that a program may take to tell its version. */
const versionMs = 30_000;

/** A program of llama.cpp that can be started. */
export interface LlamaCppProgram {
  readonly binary: string;
  /** As `--version` tells it. */
  readonly version: string;
}

function requireExecutable(name: string, binary: string | undefined): string {
  if (binary === undefined) {
    throw new TypeError(`Expected the path of the program as binary of the peer ${name} but received none`);
  }
  const fail = (reason: string, cause?: unknown): never => {
    throw new PeerError(`Expected a program as binary of the peer ${name} but ${binary} ${reason}`, {
      cause,
    });
  };
  try {
    if (!statSync(binary).isFile()) fail('is no file');
  } catch (error) {
    if (error instanceof PeerError) throw error;
    fail('does not exist', error);
  }
  try {
    accessSync(binary, constants.X_OK);
  } catch (error) {
    fail('is not executable', error);
  }
  return binary;
}

/**
 * Asks a program for its version.
 *
 * @param name of the peer, for messages
 * @throws {TypeError} when no path is given
 * @throws {PeerError} when there is no program at the path, or it tells no version; with the tail of its stderr
 */
export async function findLlamaCppProgram(
  name: string,
  { binary: path }: PeerSettings,
): Promise<LlamaCppProgram> {
  const binary = requireExecutable(name, path);
  return new Promise((resolve, reject) => {
    const options = { encoding: 'utf8', timeout: versionMs, windowsHide: true } as const;
    execFile(binary, ['--version'], options, (error, stdout, stderr) => {
      const version = /^version: (.+)$/m.exec(stderr + stdout)?.[1];
      if (error === null && version !== undefined) return resolve({ binary, version: version.trim() });
      const message = `The peer ${name} does not tell its version (${binary} --version). ${stderrTail(stderr)}`;
      reject(new PeerError(message, { cause: error }));
    });
  });
}

/** Options for the target on the processor. */
export function targetOptions(settings: PeerSettings): string[] {
  const { targetPath, threads, contextSize, kvType, flashAttention } = settings;
  return [
    ...['-m', targetPath, '-c', `${contextSize}`, '-t', `${threads}`, '-dev', 'none'],
    ...(kvType === undefined ? [] : ['-ctk', kvType, '-ctv', kvType]),
    ...(flashAttention === undefined ? [] : ['-fa', flashAttention]),
  ];
}

/**
 * Options for a draft model that drafts `numDraft` tokens in every round.
 * @throws {TypeError} when there is none
 */
export function draftOptions(name: string, { draftPath, numDraft, kvType }: PeerSettings): string[] {
  if (draftPath === undefined) {
    throw new TypeError(`Expected a draft model for the peer ${name} but received none`);
  }
  const drafting = `--spec-type draft-simple --spec-draft-n-max ${numDraft} --spec-draft-n-min 0 --spec-draft-p-min 0`;
  const cache = kvType === undefined ? [] : ['-ctkd', kvType, '-ctvd', kvType];
  return ['-md', draftPath, ...drafting.split(' '), ...cache];
}
