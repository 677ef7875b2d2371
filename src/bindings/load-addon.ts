// Finds and loads outrider.node; the only module that knows where it lies.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AddonLoadError } from '../errors.js';
import type { NativeAddon } from './native.js';

const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** Places the addon may lie in, in the order they are tried; OUTRIDER_ADDON goes first. */
function candidates(): string[] {
  const override = process.env['OUTRIDER_ADDON'];
  const built = join(packageRoot, 'native', 'build', 'bin', 'outrider.node');
  return override === undefined ? [built] : [override, built];
}

let loaded: NativeAddon | undefined;

/**
 * The addon, loaded once per thread.
 * @throws {AddonLoadError} listing every path tried and the command that builds it
 */
export function loadAddon(): NativeAddon {
  loaded ??= load();
  return loaded;
}

function load(): NativeAddon {
  const require = createRequire(import.meta.url);
  const attempts: string[] = [];
  for (const path of candidates()) {
    if (!existsSync(path)) {
      attempts.push(`${path}: no such file`);
      continue;
    }
    try {
      const addon = require(path) as NativeAddon;
      // process.exit() runs no cleanup hooks, and a decode must not outlive what it computes with.
      process.once('exit', () => addon.close());
      return addon;
    } catch (error) {
      attempts.push(`${path}: ${(error as Error).message}`);
    }
  }
  const command = `node ${join(packageRoot, 'native', 'build.mjs')}`;
  throw new AddonLoadError(
    `The native addon could not be loaded. Build it with: ${command}\n` +
      `(package managers that block install scripts leave it unbuilt)\n  ${attempts.join('\n  ')}`,
  );
}
