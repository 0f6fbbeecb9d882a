/**
 * Where onnxruntime-web finds its WebAssembly: files of our own build, so that the page works offline and under any path.
 * The loader (.mjs) stays a file of its own because onnxruntime starts its threads from the loader's address.
 */
import asyncifyLoaderUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyBinaryUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import loaderUrl from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import binaryUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** The addresses for `env.wasm.wasmPaths` of the build `onnxruntime-web/<kind>`; set before the first session is made. */
export function wasmPaths(kind: 'wasm' | 'webgpu'): { mjs: string; wasm: string } {
  const [loader, binary] = kind === 'webgpu' ? [asyncifyLoaderUrl, asyncifyBinaryUrl] : [loaderUrl, binaryUrl];
  return { mjs: new URL(loader, import.meta.url).href, wasm: new URL(binary, import.meta.url).href };
}
