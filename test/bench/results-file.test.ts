import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readResults, ResultsFile } from '../../src/bench/results-file.js';
import { trialName, type Trial } from '../../src/bench/sample.js';
import { ResultsFileError } from '../../src/errors.js';
import { pairOf, runHead, trialHead } from '../helpers/bench-lines.js';

const trial: Trial = { workload: 'stories', method: 'guarded', temperature: 0, nodes: null };
const settings = { 'method suffix': '{"drafter":["suffix"]}', sampling: '{}' };
const run = { ...runHead([trial]), settings };

describe('a file of results', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outrider-results-'));
    path = join(folder, 'deep', 'results.jsonl');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const write = (numPairs: number): void => {
    const file = ResultsFile.create(path, run);
    file.append([trialHead(trial)]);
    for (let pair = 0; pair < numPairs; pair++) file.append(pairOf(trial, `p${pair}`, 0));
    file.close();
  };

  it('holds what was written', () => {
    write(2);
    const { samples, trials, isComplete, run: head } = readResults(path);
    expect(head).toEqual(run);
    expect(samples.map(({ prompt, side }) => `${prompt} ${side}`)).toEqual([
      'p0 plain',
      'p0 method',
      'p1 plain',
      'p1 method',
    ]);
    expect(trials.get(trialName(trial))?.numPrompts).toBe(2);
    expect(isComplete).toBe(false);
  });

  it('goes on after a kill at any byte with pairs that are whole, none lost, none twice', () => {
    write(3);
    const whole = readFileSync(path);
    const headEnd = whole.indexOf('\n') + 1;
    const lengths = [0, 1, headEnd - 1, headEnd, headEnd + 1];
    for (let length = 0; length <= whole.length; length += 37) lengths.push(length);
    for (const length of lengths) {
      writeFileSync(path, whole.subarray(0, length));
      const { file, results } = ResultsFile.resume(path, run);
      expect(results.samples.length % 2).toBe(0);
      const known = results.samples.length / 2;
      for (let pair = known; pair < 3; pair++) file.append(pairOf(trial, `p${pair}`, 0));
      file.close();
      const names = readResults(path).samples.map(({ prompt, side }) => `${prompt} ${side}`);
      expect(new Set(names).size).toBe(6);
      expect(names.length).toBe(6);
    }
  });

  it('does not write over results', () => {
    write(1);
    expect(() => ResultsFile.create(path, run)).toThrow(/--resume/);
  });

  it('does not go on with a run of other models, trials or settings', () => {
    write(1);
    const others = [
      runHead([trial], { seed: 7 }),
      runHead([{ ...trial, temperature: 1 }]),
      runHead([trial], { target: { ...run.target, sha256: 'cd' } }),
    ].map((head) => ({ ...head, settings }));
    for (const other of others) {
      expect(() => ResultsFile.resume(path, other)).toThrow(/a run with another (seed|trials|target)/);
    }
    const elsewhere = { ...run, target: { ...run.target, path: 'moved.gguf' } };
    ResultsFile.resume(path, elsewhere).file.close();
  });

  it('does not go on with a run of other methods, prompts or sampling, and names what differs', () => {
    write(1);
    const other = { ...run, settings: { ...settings, 'method suffix': '{"drafter":["recycling"]}' } };
    expect(() => ResultsFile.resume(path, other)).toThrow(
      /another method suffix: .*"suffix".* there, .*recycling/,
    );
    const more = { ...run, settings: { ...settings, 'middle model': 'ab' } };
    expect(() => ResultsFile.resume(path, more)).toThrow(/another middle model: none there, ab here/);
    const fewer = { ...run, settings: {} };
    expect(() => ResultsFile.resume(path, fewer)).toThrow(/another method suffix: .* there, none here/);
  });

  it('does not go on with a file that does not say what it was measured with', () => {
    write(1);
    const lines = readFileSync(path, 'utf8').split('\n').slice(1);
    writeFileSync(path, [JSON.stringify(runHead([trial])), ...lines].join('\n'));
    expect(readResults(path).samples.length).toBe(2);
    expect(() => ResultsFile.resume(path, run)).toThrow(/older version/);
  });

  it('does not begin anew in a file of something else', () => {
    write(0);
    writeFileSync(path, 'my notes, one line');
    expect(() => ResultsFile.resume(path, run)).toThrow(/does not begin with the head/);
    expect(readFileSync(path, 'utf8')).toBe('my notes, one line');
  });

  it('names the line of a file that is no results', () => {
    write(1);
    appendFileSync(path, '{"kind":"sample"}\n');
    expect(() => readResults(path)).toThrow(/line 5/);
    writeFileSync(path, 'not JSON\n');
    expect(() => readResults(path)).toThrow(ResultsFileError);
    expect(() => readResults(join(folder, 'missing.jsonl'))).toThrow(/missing\.jsonl/);
    truncateSync(path, 0);
    expect(() => readResults(path)).toThrow(/does not begin with the head/);
  });

  it('says what cannot be written', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => ResultsFile.create(join(file, 'results.jsonl'), run)).toThrow(ResultsFileError);
  });
});
