import { describe, expect, it } from 'vitest';
import yargs from 'yargs';
import { methodsOf } from '../../src/cli/bench-methods.js';
import { withEngineOptions, type EngineArguments } from '../../src/cli/engine-options.js';
import { UsageError } from '../../src/cli/option-values.js';

function methods(options: string, ...method: readonly string[]) {
  const parser = withEngineOptions(yargs(options)).parserConfiguration({ 'camel-case-expansion': false });
  const args = parser.parseSync() as EngineArguments;
  return methodsOf({ ...args, method: method.length > 0 ? method : undefined }, ['guarded', 'suffix'], {});
}

describe('the methods of a benchmark', () => {
  it('are the usual ones where the options say nothing of drafting and verifying', () => {
    const usual = methods('--threads 1 --top-k 40 --ignore-eos --max-tokens 8 --target T.gguf');
    expect(usual.map(({ name }) => name)).toEqual(['guarded', 'suffix']);
  });

  it.each([
    ['--sparse auto', { sparse: { policy: 'auto' } }],
    ['--draft-temperature 0.5', { draftTemperature: 0.5 }],
    ['--draft-draws argmax', { draftDraws: 'argmax' }],
    ['--min-draft-probability 0.2', { minDraftProbability: 0.2 }],
    ['--epsilon 0.1', { epsilon: 0.1 }],
    ['--no-measure-speedup', { measureSpeedup: false }],
    ['--middle-tokens 4', { middleTokens: 4 }],
    ['--guard off', { guard: false }],
    ['--drafter retrieval --datastore D', { drafter: ['retrieval'], datastore: 'D' }],
  ])('are what %s alone asks for', (options, expected) => {
    const [method, ...others] = methods(options);
    expect(others).toEqual([]);
    expect(method).toMatchObject({ name: 'as asked', options: expected });
  });

  it('know the middle model that they are given', () => {
    expect(methods('--middle M.gguf')).toMatchObject([{ name: 'as asked', middle: 'M.gguf' }]);
    expect(methods('', 'x=--middle M.gguf --drafter suffix')).toMatchObject([
      { name: 'x', middle: 'M.gguf', options: { drafter: ['suffix'] } },
    ]);
  });

  it('draft from the datastore of all where they retrieve and name none', () => {
    const [all, own, suffix] = methods(
      '--datastore D',
      'retrieval',
      'x=--drafter retrieval --datastore E',
      'suffix',
    );
    expect(all).toMatchObject({ options: { datastore: 'D' } });
    expect(own).toMatchObject({ options: { datastore: 'E' } });
    expect(suffix).toMatchObject({ options: { datastore: undefined } });
  });

  it.each([
    ['--tree chain:4', ['suffix'], /--tree .*beside --method/],
    ['--middle M.gguf', ['suffix'], /--middle .*beside --method/],
    ['--datastore D', ['suffix'], /--drafter retrieval with --datastore/],
    ['--datastore D', [], /--drafter retrieval with --datastore/],
    ['', ['x=--datastore D'], /--drafter retrieval with --datastore/],
    ['', ['x=--top-k 5'], /--method "--top-k 5".*--top-k/],
    ['', ['x=--drafter suffix --stop .'], /--method .*--stop/],
    ['--stop .', [], /--stop/],
  ])('refuse %j with %j, which would be ignored', (options, method, message) => {
    const run = () => methods(options, ...method);
    expect(run).toThrow(UsageError);
    expect(run).toThrow(message);
  });
});
