// Finds prebuilt GPU backends in the installed npm packages and loads them into the running process.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall } from '../bindings/native-error.js';
import { OutriderError } from '../errors.js';

/** Which devices may compute; a name asks for that backend and nothing else. */
export type GpuChoice = 'auto' | 'off' | 'cuda' | 'metal' | 'vulkan';

/** A device that ggml can compute on. */
export interface Device {
  readonly name: string;
  readonly description: string;
  /** Backend, such as CPU, CUDA, Vulkan, MTL. */
  readonly backend: string;
  readonly type: 'cpu' | 'gpu' | 'igpu' | 'accelerator';
  readonly freeBytes: number;
  readonly totalBytes: number;
}

const backendNames: Record<Exclude<GpuChoice, 'auto' | 'off'>, string> = {
  cuda: 'CUDA',
  metal: 'MTL',
  vulkan: 'Vulkan',
};

/** The devices of the backends loaded so far. */
export function listDevices(): Device[] {
  return nativeCall(() => loadAddon().devices());
}

/** GPUs among {@link listDevices}, of one backend if asked for. */
function gpus(choice: GpuChoice): Device[] {
  const found = listDevices().filter(({ type }) => type === 'gpu' || type === 'igpu');
  if (choice === 'auto') return found;
  if (choice === 'off') return [];
  return found.filter(({ backend }) => backend === backendNames[choice]);
}

/**
 * Makes the GPUs of `choice` available and returns them: those compiled in, else those of the prebuilt plugin of the
 * npm package `@node-llama-cpp/<platform>-<arch>-<backend>`.
 * @throws {OutriderError} PLUGIN, when a backend was asked for by name and has no device; it says what was tried
 */
export function enableGpu(choice: GpuChoice): Device[] {
  if (choice === 'off') return [];
  const compiled = gpus(choice);
  if (compiled.length > 0) return compiled;
  const failures: string[] = [];
  const wanted = choice === 'auto' ? (['cuda', 'vulkan'] as const) : [choice];
  for (const backend of wanted) {
    if (backend === 'metal') continue;
    try {
      loadPlugin(backend);
    } catch (error) {
      failures.push((error as Error).message);
      continue;
    }
    const found = gpus(backend);
    if (found.length > 0) return found;
    failures.push(`the ${backend} backend is loaded but found no device`);
  }
  if (choice === 'auto') return [];
  const detail = failures.length > 0 ? failures.join('; ') : 'it is part of builds on macOS only';
  throw new OutriderError(
    'PLUGIN',
    `No ${choice} device is available: ${detail}. Use --gpu off, or build with: node native/build.mjs --${choice}`,
  );
}

function loadPlugin(backend: 'cuda' | 'vulkan'): void {
  const directory = pluginDirectory(backend);
  const addon = loadAddon();
  const built = JSON.parse(readFileSync(join(directory, '_nlcBuildMetadata.json'), 'utf8')) as {
    buildOptions?: { llamaCpp?: { release?: string } };
  };
  const release = built.buildOptions?.llamaCpp?.release;
  if (release !== addon.llamaCppTag) {
    throw new OutriderError(
      'PLUGIN',
      `${directory} was built from llama.cpp ${release ?? '(unknown)'} but this addon from ${addon.llamaCppTag}`,
    );
  }
  const library = { win32: `ggml-${backend}.dll`, darwin: `libggml-${backend}.dylib` }[
    process.platform as string
  ];
  nativeCall(() => addon.loadPlugin(join(directory, library ?? `libggml-${backend}.so`)));
}

/** The folder of the plugin's libraries; the package is an optional dependency of node-llama-cpp. */
function pluginDirectory(backend: string): string {
  const platform = { win32: 'win', darwin: 'mac' }[process.platform as string] ?? process.platform;
  const name = `@node-llama-cpp/${platform}-${process.arch}-${backend}`;
  const host = fileURLToPath(import.meta.resolve('node-llama-cpp'));
  const roots = createRequire(host).resolve.paths(name) ?? [];
  const root = roots.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'bins')));
  if (root === undefined) throw new OutriderError('PLUGIN', `the package ${name} is not installed`);
  const bins = join(root, 'bins');
  const folder = readdirSync(bins, { withFileTypes: true }).find((entry) => entry.isDirectory());
  if (folder === undefined)
    throw new OutriderError('PLUGIN', `the package ${name} at ${dirname(bins)} is empty`);
  return join(bins, folder.name);
}
