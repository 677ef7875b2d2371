import { describe, expect, it } from 'vitest';
import { allowedCores, coreNumbers } from '../../src/engine/allowed-cores.js';

const status = (list: string): string =>
  `Name:\tnode\nCpus_allowed:\t0f\nCpus_allowed_list:\t${list}\nMems_allowed_list:\t0\n`;

describe('a list of cores', () => {
  it.each([
    ['0', [0]],
    ['0-3', [0, 1, 2, 3]],
    ['0-1,8,10-11\n', [0, 1, 8, 10, 11]],
  ])('%j is read', (list, numbers) => {
    expect(coreNumbers(list)).toEqual(numbers);
  });

  it.each(['', 'all', '0-', '1,,2', '-3'])('%j is none', (list) => {
    expect(coreNumbers(list)).toBeUndefined();
  });
});

describe('the cores of a process', () => {
  it('are those that its affinity leaves', () => {
    expect(allowedCores({ numCores: 8, parallelism: 3, status: status('1,6-7') })).toEqual([1, 6, 7]);
    expect(allowedCores({ numCores: 2, parallelism: 2, status: status('0-63') })).toEqual([0, 1]);
  });

  it('are found by their numbers where some cores are switched off', () => {
    const facts = { numCores: 3, parallelism: 1, online: '0,2-3\n' };
    expect(allowedCores({ ...facts, status: status('2') })).toEqual([1]);
  });

  it('are all where nothing says otherwise', () => {
    expect(allowedCores({ numCores: 2, parallelism: 2 })).toEqual([0, 1]);
    expect(allowedCores({ numCores: 2, parallelism: 2, status: 'Name:\tnode\n' })).toEqual([0, 1]);
    expect(allowedCores({ numCores: 2, parallelism: 2, status: status('0-1'), online: '0-7' })).toEqual([
      0, 1,
    ]);
  });

  it('are not known where they are fewer and nobody says which', () => {
    expect(allowedCores({ numCores: 8, parallelism: 2 })).toBeUndefined();
    expect(allowedCores({ numCores: 8, parallelism: 2, status: status('0-7') })).toBeUndefined();
    expect(allowedCores({ numCores: 8, parallelism: 2, status: status('x') })).toBeUndefined();
    expect(allowedCores({ numCores: 2, parallelism: 1, status: status('5') })).toBeUndefined();
  });
});
