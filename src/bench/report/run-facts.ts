// What has to be known of a run to read its figures or to repeat it.
import type { RunHead } from '../sample.js';

/** Name and value of each fact. */
export function runFacts({ run }: { readonly run: RunHead }): readonly (readonly [string, string])[] {
  const model = ({ path, sha256, description }: RunHead['target']): string =>
    `${description} (${path}, SHA-256 ${sha256.slice(0, 12)})`;
  return [
    ['Date', readableDate(run.startedAt)],
    ['Machine', run.device],
    ['Target', model(run.target)],
    ['Draft', run.draft === null ? 'none' : model(run.draft)],
    [
      'Settings',
      `${run.repetitions} repetitions, ${run.maxTokens} tokens an answer at most, seed ${run.seed}`,
    ],
    ['Outrider', `${run.outrider}; ${run.build}`],
  ];
}

function readableDate(startedAt: string): string {
  const [, day, minute, zone] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*(.*)$/.exec(startedAt) ?? [];
  return day === undefined ? startedAt : `${day} ${minute} ${zone === 'Z' ? 'UTC' : zone}`.trim();
}
