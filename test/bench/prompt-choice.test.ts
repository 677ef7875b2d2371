import { expect, it } from 'vitest';
import { chosenPrompts } from '../../src/bench/prompt-choice.js';

const categories = ['a', 'a', 'a', 'a', 'b', 'b', 'c', undefined];
const prompts = categories.map((category, index) => ({ category, index }));
const chosen = (count: number | undefined): number[] =>
  chosenPrompts(prompts, count).map(({ index }) => index);

it('prompts are taken evenly over their categories, in the order that they had', () => {
  expect(chosen(1)).toEqual([0]);
  expect(chosen(4)).toEqual([0, 4, 6, 7]);
  expect(chosen(6)).toEqual([0, 1, 4, 5, 6, 7]);
  expect(chosen(7)).toEqual([0, 1, 2, 4, 5, 6, 7]);
});

it('all prompts are taken where there are no more, or no number is asked for', () => {
  expect(chosen(8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(chosen(20)).toEqual(chosen(8));
  expect(chosen(undefined)).toEqual(chosen(8));
});

it('prompts of one category are the first ones', () => {
  const alike = Array.from({ length: 5 }, (_, index) => ({ category: 'a', index }));
  expect(chosenPrompts(alike, 3)).toEqual(alike.slice(0, 3));
});
