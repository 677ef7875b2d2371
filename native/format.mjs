// Formats our C++ with the clang-format that npm installs, so that everybody has the same version.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const nativeDir = dirname(fileURLToPath(import.meta.url));
const folders = ['bindings', 'core', 'sampling', 'verify', 'test'];
const usage = 'Usage: node native/format.mjs --check|--write';

function sources() {
  const inFolders = folders
    .map((name) => join(nativeDir, name))
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.cc') || path.endsWith('.h'));
  return [join(nativeDir, 'addon.cc'), ...inFolders.sort()];
}

/** The text of a file as clang-format writes it. */
function formatted(binary, path) {
  const result = spawnSync(binary, ['-style=file', '-fallback-style=none', path], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`clang-format failed on ${path}: ${result.stderr}`);
  return result.stdout;
}

function main(mode) {
  if (mode !== '--check' && mode !== '--write') {
    console.error(usage);
    return 2;
  }
  const binary = createRequire(import.meta.url)('clang-format').getNativeBinary();
  let numDifferent = 0;
  for (const path of sources()) {
    const text = formatted(binary, path);
    if (text === readFileSync(path, 'utf8')) continue;
    numDifferent += 1;
    if (mode === '--write') writeFileSync(path, text);
    console.error(
      `${mode === '--write' ? 'formatted' : 'not formatted:'} ${relative(dirname(nativeDir), path)}`,
    );
  }
  if (mode === '--write' || numDifferent === 0) return 0;
  console.error(`${numDifferent} files differ: run node native/format.mjs --write`);
  return 1;
}

process.exitCode = main(process.argv[2]);
