// Loads models: picks devices, decides how many layers go there, falls back when memory runs out.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall, typedError } from '../bindings/native-error.js';
import type { NativeMemoryEstimate, NativeModelOptions } from '../bindings/native.js';
import { ModelLoadError } from '../errors.js';
import { abortable } from './abort.js';
import { nativeContextOptions, type ContextOptions } from './context-options.js';
import { enableGpu, type Device, type GpuChoice } from './gpu-plugins.js';
import { Model } from './model.js';
import { rejectUnknownKeys, requireBoolean, requireInteger, requireOneOf } from './options.js';
import { planPlacement, type PlacementNeed } from './placement.js';

/** Options of {@link loadModel}. */
export interface LoadModelOptions {
  /** Devices that may be used, default `auto`: a GPU where there is one. */
  readonly gpu?: GpuChoice | undefined;
  /** Layers on the GPU, default `auto`: what fits beside the context. `max` is all, or an error. */
  readonly gpuLayers?: 'auto' | 'max' | number | undefined;
  /** Names of the devices to use, as `listDevices` gives them; default all GPUs. */
  readonly devices?: readonly string[] | undefined;
  /** Maps the file into memory instead of reading it, default true. */
  readonly mmap?: boolean | undefined;
  /** Locks the weights into memory, default false. */
  readonly mlock?: boolean | undefined;
  /** Checks every weight for NaN and infinity, default false. */
  readonly checkTensors?: boolean | undefined;
  /**
   * Rearranges weights for faster products on this CPU, default true. Without it quantised models are slower, but
   * feed-forward channels can be left out of verification.
   */
  readonly repackWeights?: boolean | undefined;
  /** The context that `auto` leaves room for. */
  readonly context?: ContextOptions | undefined;
  /** Called with [0, 1] while the weights load. */
  readonly onProgress?: ((progress: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that a model and one context of it take on one device. */
export interface DeviceMemory {
  readonly device: string;
  readonly modelBytes: number;
  readonly contextBytes: number;
  readonly computeBytes: number;
}

const keys: Record<keyof LoadModelOptions, true> = {
  gpu: true,
  gpuLayers: true,
  devices: true,
  mmap: true,
  mlock: true,
  checkTensors: true,
  repackWeights: true,
  context: true,
  onProgress: true,
  signal: true,
};

/**
 * Loads a GGUF file.
 * @throws {ModelLoadError} when the file is missing, damaged, unsupported or does not fit
 * @throws {TypeError | RangeError} on unknown options and values
 * @throws `signal.reason` when aborted
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Model> {
  const [model] = await loadModels([path], options);
  return model!;
}

/**
 * Loads models that work together, the target first. With `gpuLayers: 'auto'` they are placed together within the
 * free memory of the device; each says where it went in `placement`.
 */
export async function loadModels(paths: readonly string[], options: LoadModelOptions = {}): Promise<Model[]> {
  checkOptions(paths, options);
  options.signal?.throwIfAborted();
  const devices = enableGpu(options.gpu ?? 'auto');
  const { layers, explanation } = await decideLayers(paths, options, devices);
  const models: Model[] = [];
  try {
    for (const [index, path] of paths.entries()) {
      const progress = (value: number): void => options.onProgress?.((index + value) / paths.length);
      models.push(
        await loadWithFallback(path, layers[index]!, explanation, devices, {
          ...options,
          onProgress: progress,
        }),
      );
    }
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
  return models;
}

/**
 * What a model and a context of it would take, without loading the weights.
 * @throws {ModelLoadError} as {@link loadModel}
 */
export async function estimateMemory(
  path: string,
  options: Pick<LoadModelOptions, 'gpu' | 'gpuLayers' | 'devices' | 'context'> = {},
): Promise<readonly DeviceMemory[]> {
  checkOptions([path], options);
  const devices = enableGpu(options.gpu ?? 'auto');
  const gpuLayers = typeof options.gpuLayers === 'number' ? options.gpuLayers : devices.length > 0 ? -1 : 0;
  return (await estimate(path, gpuLayers, options, devices)).devices;
}

function checkOptions(paths: readonly string[], options: LoadModelOptions): void {
  for (const path of paths) {
    if (typeof path !== 'string')
      throw new TypeError(`Expected a string for path but received ${String(path)}`);
  }
  rejectUnknownKeys('a model', options, Object.keys(keys));
  requireOneOf('gpu', options.gpu ?? 'auto', ['auto', 'off', 'cuda', 'metal', 'vulkan']);
  const { gpuLayers } = options;
  if (typeof gpuLayers === 'string') requireOneOf('gpuLayers', gpuLayers, ['auto', 'max']);
  else if (gpuLayers !== undefined) requireInteger('gpuLayers', gpuLayers, 0);
}

async function decideLayers(
  paths: readonly string[],
  options: LoadModelOptions,
  devices: readonly Device[],
): Promise<{ layers: readonly number[]; explanation: string }> {
  const { gpuLayers = 'auto' } = options;
  if (devices.length === 0) return { layers: paths.map(() => 0), explanation: 'all layers on the CPU' };
  if (gpuLayers !== 'auto') {
    const layers = gpuLayers === 'max' ? -1 : gpuLayers;
    const what = gpuLayers === 'max' ? 'all layers' : `${gpuLayers} layers`;
    return { layers: paths.map(() => layers), explanation: `${what} on ${devices[0]!.name}, as asked for` };
  }
  const needs = await Promise.all(paths.map((path) => needOf(path, options, devices)));
  const freeBytes = devices.reduce((sum, device) => sum + device.freeBytes, 0);
  const { gpuLayers: layers, explanation } = planPlacement(needs, freeBytes);
  return { layers, explanation };
}

async function needOf(
  path: string,
  options: LoadModelOptions,
  devices: readonly Device[],
): Promise<PlacementNeed> {
  const { devices: memory, numLayers } = await estimate(path, -1, options, devices);
  const onGpu = memory.filter(({ device }) => device !== 'CPU');
  const sum = (key: 'modelBytes' | 'contextBytes' | 'computeBytes'): number =>
    onGpu.reduce((total, entry) => total + entry[key], 0);
  return {
    name: path.split(/[\\/]/).at(-1)!,
    numLayers,
    modelBytes: sum('modelBytes'),
    contextBytes: sum('contextBytes'),
    computeBytes: sum('computeBytes'),
  };
}

async function estimate(
  path: string,
  gpuLayers: number,
  options: LoadModelOptions,
  devices: readonly Device[],
): Promise<NativeMemoryEstimate> {
  const context = nativeContextOptions(options.context ?? {}, 0);
  const settings = nativeModelOptions(gpuLayers, options, devices);
  return abortable(
    nativeCall(() => loadAddon().estimateMemory(path, settings, context)),
    undefined,
    () => undefined,
  );
}

/** Loads with fewer and fewer layers on the GPU while memory runs out, where the number of layers is ours to choose. */
async function loadWithFallback(
  path: string,
  wanted: number,
  explanation: string,
  devices: readonly Device[],
  options: LoadModelOptions,
): Promise<Model> {
  for (let gpuLayers = wanted, reason = explanation; ; gpuLayers = gpuLayers >> 1) {
    try {
      return await loadOnce(path, gpuLayers, reason, devices, options);
    } catch (error) {
      const mayRetry = (options.gpuLayers ?? 'auto') === 'auto' && gpuLayers > 0;
      if (!(mayRetry && error instanceof ModelLoadError && error.code === 'OUT_OF_MEMORY')) throw error;
      reason = `${gpuLayers >> 1} layers on the GPU: memory ran out with ${gpuLayers}`;
    }
  }
}

async function loadOnce(
  path: string,
  gpuLayers: number,
  placement: string,
  devices: readonly Device[],
  options: LoadModelOptions,
): Promise<Model> {
  options.signal?.throwIfAborted();
  try {
    const load = loadAddon().loadModel(
      path,
      nativeModelOptions(gpuLayers, options, devices),
      options.onProgress,
    );
    const native = await abortable(load.promise, options.signal, load.abort);
    // The weights may have been complete before the abort was seen.
    if (options.signal?.aborted === true) native.dispose();
    options.signal?.throwIfAborted();
    return new Model(path, native, gpuLayers, placement);
  } catch (error) {
    throw typedError(error);
  }
}

/** The options as the addon wants them. */
export function nativeModelOptions(
  gpuLayers: number,
  options: LoadModelOptions,
  devices: readonly Device[],
): NativeModelOptions {
  const names = options.devices ?? (gpuLayers === 0 ? [] : devices.map(({ name }) => name));
  return {
    gpuLayers,
    useMmap: requireBoolean('mmap', options.mmap ?? true),
    useMlock: requireBoolean('mlock', options.mlock ?? false),
    checkTensors: requireBoolean('checkTensors', options.checkTensors ?? false),
    repacksWeights: requireBoolean('repackWeights', options.repackWeights ?? true),
    vocabOnly: false,
    devices: names,
  };
}
