// The user's cache folder.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** `OUTRIDER_CACHE`, else `outrider` in the platform's cache folder. */
export function cacheFolder(): string {
  const own = process.env['OUTRIDER_CACHE'];
  if (own !== undefined && own !== '') return resolve(own);
  const caches: Partial<Record<NodeJS.Platform, string>> = {
    darwin: join(homedir(), 'Library', 'Caches'),
    win32: process.env['LOCALAPPDATA'] || join(homedir(), 'AppData', 'Local'),
  };
  const cache = caches[process.platform] ?? (process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'));
  return join(cache, 'outrider');
}
