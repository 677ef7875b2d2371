// The line between rejection and bias, and where methods were measured to lie.
import { palette } from '../picture.js';
import type { TheoryReport } from './compare.js';
import { methodColour, panelSize, withEnds } from './panel.js';

const axes = {
  x: { field: 'bias', title: 'bias of a draft token that is tried', type: 'quantitative' },
  y: { field: 'rejection', title: 'its rejection', type: 'quantitative' },
};

/**
 * The line along the target's texts, dashed, with what theory says of each epsilon on it, open; and each method that decides
 * token by token as it was measured, filled. A lossy method writes texts of its own, so that its point lies off the line as
 * far as target and draft are further apart, or closer, along these.
 * @returns undefined where nothing is lossy: all points would have no bias
 */
export function paretoPicture({ paretoLine, methods }: TheoryReport): object | undefined {
  if (paretoLine.length === 0) return undefined;
  const values = methods.flatMap(({ method, tried }) => {
    if (tried === undefined) return [];
    const [bias, rejection] = [withEnds(tried.bias.measured), withEnds(tried.rejection.measured)];
    const ends = {
      left: Math.max(0, bias.low),
      right: bias.high,
      low: Math.max(0, rejection.low),
      high: rejection.high,
    };
    return [{ method, bias: bias.value, rejection: rejection.value, ...ends }];
  });
  const color = methodColour(methods.map(({ method }) => method));
  const across = { x: { field: 'left', type: 'quantitative' }, x2: { field: 'right' } };
  const along = { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } };
  const line = { data: { values: paretoLine }, encoding: axes };
  return {
    ...panelSize,
    layer: [
      { ...line, mark: { type: 'line', color: palette[1], strokeDash: [4, 4] } },
      { ...line, mark: { type: 'point', color: palette[1], size: 60 } },
      { data: { values }, mark: 'rule', encoding: { ...axes, ...across, color } },
      { data: { values }, mark: 'rule', encoding: { ...axes, ...along, color } },
      { data: { values }, mark: { type: 'point', filled: true, size: 60 }, encoding: { ...axes, color } },
    ],
  };
}
