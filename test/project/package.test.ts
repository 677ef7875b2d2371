import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the package', () => {
  it('holds the library, the command line and the sources of the addon, the demo pair, and no tests or builds', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const parsed = JSON.parse(stdout) as unknown;
    const [packed] = Object.values(parsed as Record<string, { files: { path: string }[] }>);
    const paths = packed!.files.map(({ path }) => path);
    for (const path of ['dist/index.js', 'dist/index.d.ts', 'bin/outrider.js', 'native/CMakeLists.txt'])
      expect(paths).toContain(path);
    const { stdout: sources } = spawnSync('git', ['ls-files', 'native'], { cwd: root, encoding: 'utf8' });
    const built = sources.split('\n').filter((path) => !/^native\/(test|bench)\/|^$/.test(path));
    expect(built).toContain('native/sparse/sparse_graph.cc');
    expect(paths).toEqual(expect.arrayContaining(built));
    for (const path of ['models/demo/target.gguf', 'models/demo/draft.gguf', 'models/eval/stories.jsonl'])
      expect(paths).toContain(path);
    expect(
      paths.filter((path) => /^(test|models\/train|src|native\/(llama\.cpp|build|test))\//.test(path)),
    ).toEqual([]);
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

it('no file of the project has more than 400 lines', () => {
  const { stdout } = spawnSync('git', ['ls-files', 'src', 'test', 'native', 'bin', 'models'], {
    cwd: root,
    encoding: 'utf8',
  });
  const paths = stdout
    .split('\n')
    .filter((path) => path !== '' && !/\.(gguf|svg|jsonl)$/.test(path) && existsSync(join(root, path)));
  expect(paths).toContain('src/index.ts');
  expect(paths.filter((path) => read(path).split('\n').length > 401)).toEqual([]);
});

describe('the build says in one line that it needs', () => {
  let folder: string;

  /** Runs the build where nothing but node and these tools can be found; they only tell a version. */
  function buildWith(tools: Readonly<Record<string, string>>): { lines: string[]; status: number | null } {
    for (const [name, version] of Object.entries(tools)) {
      writeFileSync(join(folder, name), `#!/bin/sh\necho '${version}'\n`, { mode: 0o755 });
    }
    const { stderr, status } = spawnSync(join(folder, 'node'), [join(root, 'native', 'build.mjs')], {
      env: { PATH: folder },
      encoding: 'utf8',
    });
    return { lines: stderr.trimEnd().split('\n'), status };
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outrider-path-'));
    symlinkSync(process.execPath, join(folder, 'node'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each([
    ['everything', {}, /needs git and cmake \(3\.19 or newer\) and a C\+\+17 compiler to build/],
    ['git', { cmake: 'cmake version 3.30.1', 'c++': '14' }, /needs git to build/],
    ['cmake', { git: 'git 2', 'c++': '14' }, /needs cmake \(3\.19 or newer\) to build/],
    [
      'a newer cmake',
      { git: 'git 2', cmake: 'cmake version 3.18.4', 'c++': '14' },
      /cmake 3\.19 .*found 3\.18/,
    ],
    ['a compiler', { git: 'git 2', cmake: 'cmake version 4.0.0' }, /needs a C\+\+17 compiler to build/],
  ])('%s', (_, tools, expected) => {
    const { lines, status } = buildWith(tools);
    expect({ numLines: lines.length, status }).toEqual({ numLines: 1, status: 1 });
    expect(lines[0]).toMatch(expected);
  });
});
