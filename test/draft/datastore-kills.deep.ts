import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { isBuilt, killWhileWriting } from '../helpers/datastore-processes.js';
import { report } from '../helpers/report.js';

const folder = mkdtempSync(join(tmpdir(), 'outrider-datastore-kills-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('a datastore whose writer is killed 100 times is as before or as after, each time', async () => {
  expect(isBuilt, 'run npm run build first').toBe(true);
  const documents = await killWhileWriting(join(folder, 'killed'), 100, 7);
  expect(documents).toBeGreaterThan(10);
  report('a writer killed at random moments', [{ kills: 100, documents }]);
});
