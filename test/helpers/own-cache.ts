// A cache folder of the run's own: what tests learn and download is not the user's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Sets `OUTRIDER_CACHE` for all workers; the folder goes with the run. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-cache-'));
  process.env['OUTRIDER_CACHE'] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
