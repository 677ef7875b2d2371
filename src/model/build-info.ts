// What the addon was built from and for.
import { loadAddon } from '../bindings/load-addon.js';
import { nativeCall } from '../bindings/native-error.js';

/** Version of llama.cpp and what its kernels were compiled for, as one line. */
export function buildDescription(): string {
  const addon = loadAddon();
  return `llama.cpp ${addon.llamaCppTag}, ggml ${addon.ggmlVersion}, ${nativeCall(() => addon.systemInfo()).trim()}`;
}
