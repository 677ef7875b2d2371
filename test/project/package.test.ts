import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the package', () => {
  it('holds the library, the command line and the sources of the addon, and no models, tests or builds', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const parsed = JSON.parse(stdout) as unknown;
    const [packed] = Object.values(parsed as Record<string, { files: { path: string }[] }>);
    const paths = packed!.files.map(({ path }) => path);
    for (const path of ['dist/index.js', 'dist/index.d.ts', 'bin/outrider.js', 'native/CMakeLists.txt'])
      expect(paths).toContain(path);
    expect(paths.filter((path) => /^(test|models|src|native\/(llama\.cpp|build|test))\//.test(path))).toEqual(
      [],
    );
  });

  it('names its types first', () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: { '.': Record<string, string> } };
    expect(Object.keys(exports['.'])[0]).toBe('types');
  });

  it('names no registry in its lock file', () => {
    expect(read('.npmrc')).toContain('omit-lockfile-registry-resolved=true');
    expect(read('package-lock.json')).not.toContain('"resolved"');
  });
});

it('the build says in one line which tool is missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-path-'));
  try {
    symlinkSync(process.execPath, join(folder, 'node'));
    const { stderr, status } = spawnSync(join(folder, 'node'), [join(root, 'native', 'build.mjs')], {
      env: { PATH: folder },
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/needs git and cmake .* and a C\+\+17 compiler/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
