import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { writeTinyModel } from '../fixtures/tiny-models.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

it('the example of the README has at most 15 lines, runs, and prints text and figures', () => {
  const example = /## Library\s+```js\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
  expect(example).toBeDefined();
  expect(example!.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
  const folder = mkdtempSync(join(tmpdir(), 'outrider-readme-'));
  try {
    writeTinyModel(join(folder, 'target.gguf'));
    writeTinyModel(join(folder, 'draft.gguf'), { noise: { seed: 1, relative: 0.1 } });
    const code = example!.replaceAll('models/demo/', `${folder}/`);
    expect(code).not.toBe(example);
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/\w+[^]*\nacceptance \d\.\d\d, speedup (\d|not measured)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
