// What the pictures of a comparison share. Knows nothing of what they show.
import { palette } from '../picture.js';

/** Of each picture, in pixels. */
export const panelSize = { width: 330, height: 300 } as const;

/** The colour of each method, the same in all pictures. */
export function methodColour(methods: readonly string[]): object {
  return {
    field: 'method',
    type: 'nominal',
    sort: methods,
    scale: { domain: methods, range: methods.map((_, index) => palette[(index + 2) % palette.length]!) },
  };
}

/** An estimate with the ends of its interval. */
export function withEnds({ value, halfWidth }: { readonly value: number; readonly halfWidth: number }): {
  readonly value: number;
  readonly low: number;
  readonly high: number;
} {
  const reach = Number.isNaN(halfWidth) ? 0 : halfWidth;
  return { value, low: value - reach, high: value + reach };
}
