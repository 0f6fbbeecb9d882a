/** Builds the page: a static site that any file host can serve, under any path. */
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';
import { contentPolicy } from './scripts/content-policy.mjs';
import { licenses } from './scripts/licenses.mjs';
import { ISOLATION_HEADERS } from './scripts/site.mjs';

export default defineConfig({
  base: './',
  plugins: [react(), licenses(import.meta.dirname), contentPolicy()],
  resolve: {
    // Take the onnxruntime-web builds that load their WebAssembly from the addresses we give (src/worker/ort-assets.ts);
    // the default ones would bring a second copy of it into the build.
    conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions],
  },
  worker: { format: 'es' },
  build: {
    // WebGPU and module workers ask for browsers newer than any syntax we use.
    target: 'es2022',
    chunkSizeWarningLimit: 1000,
  },
  // The loader of onnxruntime-web must keep its own address; pre-bundling would move it.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  server: { headers: ISOLATION_HEADERS },
  preview: { headers: ISOLATION_HEADERS },
});
