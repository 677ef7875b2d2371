// Builds the addon: unpacks llama.cpp from the bundle that node-llama-cpp ships, patches it, runs cmake-js.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const nativeDir = dirname(fileURLToPath(import.meta.url));
const sourceDir = join(nativeDir, 'llama.cpp');

const usage = `Usage: node native/build.mjs [--cuda] [--vulkan] [--rpc] [--sanitize] [--tests MODEL] [--bench] [--out DIR] [-D NAME=VALUE]...

  --cuda, --vulkan, --rpc  compile that backend from source (Metal is on by default on macOS)
  --sanitize               AddressSanitizer and UndefinedBehaviorSanitizer
  --tests MODEL            also build the C++ unit tests and run them on this small GGUF
  --bench                  also build the bare decode loop that the library is measured against
  --clean                  start from an empty build folder
  --out DIR                build folder, default native/build
  -D NAME=VALUE            passed on to CMake`;

class BuildError extends Error {}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options });
  if (result.error) throw new BuildError(`${command} could not be run: ${result.error.message}`);
  if (result.status !== 0) throw new BuildError(`${command} ${args[0]} failed with status ${result.status}.`);
  return result.stdout?.toString() ?? '';
}

function works(command, args) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  return !result.error && result.status === 0 ? result.stdout.toString() : undefined;
}

const installHint = {
  linux: 'Debian and Ubuntu: apt-get install git cmake g++',
  darwin: 'macOS: xcode-select --install && brew install cmake',
  win32: 'Windows: install Git, CMake and the Visual Studio C++ build tools',
}[process.platform];

/** Stops with one line when git, cmake or a C++17 compiler is missing. */
function checkTools() {
  const missing = [];
  if (!works('git', ['--version'])) missing.push('git');
  const cmake = works('cmake', ['--version'])?.match(/(\d+)\.(\d+)/);
  if (!cmake) missing.push('cmake (3.19 or newer)');
  else if (Number(cmake[1]) < 3 || (Number(cmake[1]) === 3 && Number(cmake[2]) < 19)) {
    missing.push(`cmake 3.19 or newer (found ${cmake[0]})`);
  }
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  if (process.platform !== 'win32' && !compilers.some((name) => works(name, ['--version']))) {
    missing.push('a C++17 compiler');
  }
  if (missing.length > 0) {
    throw new BuildError(`outrider needs ${missing.join(' and ')} to build its addon. ${installHint ?? ''}`);
  }
}

/** The llama folder of the installed node-llama-cpp, wherever hoisting put it. */
function bundleDirectory() {
  const entry = fileURLToPath(import.meta.resolve('node-llama-cpp'));
  return resolve(dirname(entry), '..', 'llama');
}

function patches() {
  const dir = join(nativeDir, 'patches');
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith('.patch'))
    .sort()
    .map((name) => join(dir, name));
}

/** Clones the bundle and applies our patches, unless both are already in place; returns the tag. */
function unpackSource() {
  const llamaDir = bundleDirectory();
  const bundle = join(llamaDir, 'gitRelease.bundle');
  const { tag } = JSON.parse(readFileSync(join(llamaDir, 'llama.cpp.info.json'), 'utf8'));
  const hash = createHash('sha256').update(tag).update(readFileSync(bundle));
  for (const patch of patches()) hash.update(readFileSync(patch));
  const stamp = hash.digest('hex');
  const stampFile = join(sourceDir, '.outrider-stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return tag;
  rmSync(sourceDir, { recursive: true, force: true });
  run('git', ['-c', 'advice.detachedHead=false', 'clone', '--quiet', bundle, sourceDir]);
  for (const patch of patches()) {
    try {
      run('git', ['-C', sourceDir, 'apply', '--whitespace=nowarn', patch]);
    } catch {
      throw new BuildError(`${patch} does not apply to llama.cpp ${tag}: renew the patch for this version.`);
    }
  }
  writeFileSync(stampFile, stamp);
  return tag;
}

function cmakeDefines(options, tag) {
  const defines = { OUTRIDER_LLAMA_TAG: tag };
  if (options.cuda) defines.GGML_CUDA = 'ON';
  if (options.vulkan) defines.GGML_VULKAN = 'ON';
  if (options.rpc) defines.GGML_RPC = 'ON';
  if (options.sanitize) Object.assign(defines, { OUTRIDER_SANITIZE: 'ON', GGML_NATIVE: 'ON' });
  if (options.bench) defines.OUTRIDER_BENCH = 'ON';
  if (options.tests)
    Object.assign(defines, { OUTRIDER_TESTS: 'ON', OUTRIDER_TEST_MODEL: resolve(options.tests) });
  if (works('ccache', ['--version'])) {
    defines.CMAKE_C_COMPILER_LAUNCHER = 'ccache';
    defines.CMAKE_CXX_COMPILER_LAUNCHER = 'ccache';
  }
  for (const definition of options.D ?? []) {
    const [name, ...value] = definition.split('=');
    defines[name] = value.join('=');
  }
  return Object.entries(defines).map(([name, value]) => `--CD${name}=${value}`);
}

function build(options) {
  checkTools();
  const tag = unpackSource();
  const out = resolve(options.out ?? join(nativeDir, 'build'));
  if (options.clean) rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const generator = works('ninja', ['--version']) ? ['--generator', 'Ninja'] : [];
  const args = [
    '--directory',
    nativeDir,
    '--out',
    out,
    '--parallel',
    `${availableParallelism()}`,
    ...generator,
  ];
  args.push(...cmakeDefines(options, tag));
  // A folder that is configured already would keep its old options.
  for (const step of ['configure', 'compile'])
    run(process.execPath, [cmakeJs, step, ...args], { cwd: nativeDir });
  if (options.tests) run('ctest', ['--test-dir', out, '--output-on-failure', '--no-tests=error']);
}

function main() {
  const { values } = parseArgs({
    options: {
      cuda: { type: 'boolean' },
      vulkan: { type: 'boolean' },
      rpc: { type: 'boolean' },
      sanitize: { type: 'boolean' },
      tests: { type: 'string' },
      bench: { type: 'boolean' },
      clean: { type: 'boolean' },
      install: { type: 'boolean' },
      out: { type: 'string' },
      D: { type: 'string', short: 'D', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  build(values);
}

try {
  main();
} catch (error) {
  if (!(error instanceof BuildError) && error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
  console.error(`outrider: ${error.message}`);
  process.exitCode = 1;
}
