// A disk that becomes full in the middle of a line.
import type * as FileSystem from 'node:fs';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { readResults, ResultsFile } from '../../src/bench/results-file.js';
import type { Trial } from '../../src/bench/sample.js';
import { ResultsFileError } from '../../src/errors.js';
import { pairOf, runHead, trialHead } from '../helpers/bench-lines.js';

/** Bytes that still fit. */
const disk = vi.hoisted(() => ({ room: Infinity }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof FileSystem>();
  const writeSync = (file: number, bytes: Buffer, from: number, length: number, at: number): number => {
    if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    const written = fs.writeSync(file, bytes, from, Math.min(length, disk.room), at);
    disk.room -= written;
    return written;
  };
  return { ...fs, writeSync };
});

const folder = mkdtempSync(join(tmpdir(), 'outrider-full-disk-'));
afterAll(() => rmSync(folder, { recursive: true }));

const trial: Trial = { workload: 'stories', method: 'guarded', temperature: 0, nodes: null };
const run = { ...runHead([trial]), settings: {} };

describe('a file of results on a full disk', () => {
  it('says so, keeps what was whole, and goes on once there is room', () => {
    const path = join(folder, 'results.jsonl');
    const file = ResultsFile.create(path, run);
    file.append([trialHead(trial)]);
    file.append(pairOf(trial, 'p0', 0));
    const before = readFileSync(path, 'utf8');
    disk.room = 100;
    expect(() => file.append(pairOf(trial, 'p1', 0))).toThrow(ResultsFileError);
    expect(readFileSync(path, 'utf8')).toBe(before);
    disk.room = Infinity;
    file.append(pairOf(trial, 'p2', 0));
    file.close();
    expect(readResults(path).samples.map(({ prompt }) => prompt)).toEqual(['p0', 'p0', 'p2', 'p2']);
  });
});
