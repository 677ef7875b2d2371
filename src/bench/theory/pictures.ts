// Pictures of a comparison of theory and measurement.
import type { TopLevelSpec } from 'vega-lite';
import { palette, pictureConfig, renderSvg } from '../picture.js';
import type { TheoryReport } from './compare.js';
import { methodColour, panelSize, withEnds } from './panel.js';
import { paretoPicture } from './pareto-picture.js';
import type { Compared, MethodReport } from './report.js';

/**
 * Predicted against measured acceptance and speedup, the total variation along the text, and the line between rejection and
 * bias where a method is lossy, two beside each other.
 */
export function theorySvg(report: TheoryReport): Promise<string> {
  const pareto = paretoPicture(report);
  return renderSvg({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 12,
    columns: 2,
    concat: [
      scatter(report, 'acceptance', ({ acceptanceRate }) => acceptanceRate),
      scatter(report, 'speedup', ({ speedup }) => speedup),
      alongText(report),
      ...(pareto === undefined ? [] : [pareto]),
    ],
    config: pictureConfig,
  } as TopLevelSpec);
}

function scatter(report: TheoryReport, name: string, figure: (method: MethodReport) => Compared): object {
  const values = report.methods.map((method) => {
    const { predicted, measured } = figure(method);
    const { value, ...ends } = withEnds(measured);
    return { method: method.method, predicted: predicted.value, measured: value, ...ends };
  });
  const ends = values.flatMap(({ predicted, low, high }) => [predicted, low, high]);
  const domain = [Math.min(...ends), Math.max(...ends)];
  const axis = (field: string, title: string) => ({
    field,
    title,
    type: 'quantitative',
    scale: { domain, zero: false, nice: true },
  });
  const colour = methodColour(values.map(({ method }) => method));
  const x = axis('predicted', `${name}, predicted`);
  return {
    ...panelSize,
    layer: [
      {
        data: { values: domain.map((end) => ({ predicted: end, measured: end })) },
        mark: { type: 'line', color: palette[1], strokeDash: [4, 4] },
        encoding: { x, y: axis('measured', `${name}, measured`) },
      },
      {
        data: { values },
        mark: { type: 'rule', strokeWidth: 1.5 },
        encoding: { x, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' }, color: colour },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 60 },
        encoding: { x, y: { field: 'measured', type: 'quantitative' }, color: colour },
      },
    ],
  };
}

function alongText({ totalVariationAlongText, text }: TheoryReport): object {
  const values = totalVariationAlongText.map((value, index) => ({ position: index + 1, value }));
  const y = { field: 'value', title: 'total variation', type: 'quantitative' };
  return {
    ...panelSize,
    layer: [
      {
        data: { values },
        mark: { type: 'line', strokeWidth: 1.2, color: palette[2] },
        encoding: { x: { field: 'position', title: 'token of the text', type: 'quantitative' }, y },
      },
      {
        data: { values: [{ value: text.totalVariation }] },
        mark: { type: 'rule', strokeDash: [4, 4], color: palette[1] },
        encoding: { y },
      },
    ],
  };
}
