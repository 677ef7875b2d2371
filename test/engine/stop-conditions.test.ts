import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopStrings } from '../../src/engine/stop-conditions.js';

/** What is shown of text that comes in pieces, and whether it was stopped. */
function shown(stops: readonly string[], pieces: readonly string[]): { text: string; isStopped: boolean } {
  const strings = new StopStrings(stops);
  let text = '';
  for (const piece of pieces) {
    const pushed = strings.push(piece);
    text += pushed.text;
    if (pushed.isStopped) return { text, isStopped: true };
  }
  return { text: text + strings.end(), isStopped: false };
}

/** Letters so few that stops are common and overlap with themselves. */
const letters = (constraints: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: fc.constantFrom('a', 'b'), ...constraints });

describe('StopStrings', () => {
  it('ends the text before a stop string', () => {
    expect(shown(['END'], ['one END two'])).toEqual({ text: 'one ', isStopped: true });
  });

  it('finds a stop string that is spread over pieces', () => {
    expect(shown(['END'], ['one E', 'N', 'D two'])).toEqual({ text: 'one ', isStopped: true });
  });

  it('takes the stop string that comes first', () => {
    expect(shown(['END', 'two'], ['one two END'])).toEqual({ text: 'one ', isStopped: true });
  });

  it('holds back only what may become a stop string', () => {
    const strings = new StopStrings(['END']);
    expect(strings.push('one EN').text).toBe('one ');
    expect(strings.push('trance').text).toBe('ENtrance');
  });

  it('gives back at the end what it held', () => {
    expect(shown(['END'], ['the EN'])).toEqual({ text: 'the EN', isStopped: false });
  });

  it('shows nothing of what comes after a stop', () => {
    const strings = new StopStrings(['END']);
    strings.push('END');
    expect(strings.push('more')).toEqual({ text: '', isStopped: true });
    expect(strings.end()).toBe('');
  });

  it('shows the same however the text is cut into pieces', () => {
    const stops = fc.array(letters({ minLength: 1, maxLength: 4 }), { maxLength: 3 });
    fc.assert(
      fc.property(stops, fc.array(letters({ maxLength: 4 }), { maxLength: 8 }), (stop, pieces) => {
        const letterByLetter = [...pieces.join('')];
        expect(shown(stop, pieces)).toEqual(shown(stop, letterByLetter));
        expect(shown(stop, [pieces.join('')])).toEqual(shown(stop, letterByLetter));
      }),
      { numRuns: 300 },
    );
  });

  it('shows all text up to the first stop string, or all of it', () => {
    fc.assert(
      fc.property(letters({ minLength: 1, maxLength: 3 }), letters({ maxLength: 12 }), (stop, whole) => {
        const index = whole.indexOf(stop);
        expect(shown([stop], [...whole])).toEqual({
          text: index < 0 ? whole : whole.slice(0, index),
          isStopped: index >= 0,
        });
      }),
    );
  });

  it('refuses an empty stop string, which every text contains', () => {
    expect(() => new StopStrings(['END', ''])).toThrow(TypeError);
  });
});
