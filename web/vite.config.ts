import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { page } from './build/page.ts';
import { verified } from './build/verified.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// `--mode look` builds the same screens over canned data (look/), through the same chain; it never enters the product.
export default defineConfig(({ mode }) => {
  const look = mode === 'look';
  return {
    root: at('.'),
    publicDir: false,
    build: { cssTarget: ['chrome123', 'firefox121', 'safari17.5'], outDir: at(look ? 'look/dist' : 'dist'), emptyOutDir: true },
    plugins: [
      svelte({
        configFile: false,
        // 'html' fragments need a Trusted Types policy of Svelte's own, and styles in script need inline styles: both are refused.
        compilerOptions: { fragments: 'tree', css: 'external', runes: true },
      }),
      verified({
        boot: at('src/boot.ts'),
        app: at(look ? 'look/main.ts' : 'src/main.ts'),
        worker: at(look ? 'look/worker.ts' : 'src/core/worker.ts'),
        wasm: look ? {} : { CORE: at('src/core/generated/pkg/core_bg.wasm') },
        pictures: { FAVICON: at('src/styles/favicon.svg'), FAVICON_UNREAD: at('src/styles/favicon-unread.svg') },
        page,
      }),
    ],
  };
});
