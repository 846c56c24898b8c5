// One chain: wasm → worker → app → boot → index.html, each naming the next by its hash, so that a page that runs at all
// runs exactly this release. Nothing is loaded that is not named here.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { build, type Plugin, type Rolldown } from 'vite';

/** Where a file of the release lies and what it must hash to. */
export interface Named { url: string; integrity: string }

export interface Chain {
  boot: string;
  app: string;
  worker: string;
  /** Name in `virtual:release` → file. Made by `cargo xtask web` before this build. */
  wasm: Record<string, string>;
  /** Pictures the page names in links; not code, so found by name only. Name in `virtual:assets` → file. */
  pictures: Record<string, string>;
  /** Makes index.html from the names; must stay within one packet. */
  page(names: { boot: Named; app: Named; style: Named; pictures: Record<string, string> }): string;
}

const PAGE_LIMIT = 2048;

export function verified(chain: Chain): Plugin {
  let minify: boolean | 'oxc' | 'terser' | 'esbuild' = true;
  const pictures = Object.fromEntries(Object.entries(chain.pictures).map(([name, file]) => [name, address(basename(file, '.svg'), readFileSync(file), 'svg')]));
  return {
    name: 'sotto-verified-loading',
    apply: 'build',
    enforce: 'post',
    config: () => ({
      build: {
        modulePreload: false, // its helper would load without a hash
        assetsInlineLimit: 0,
        cssCodeSplit: false,
        target: 'es2023',
        rolldownOptions: { input: chain.app, output: { format: 'es' } },
      },
    }),
    configResolved(config) { minify = config.build.minify; },
    resolveId: id => (id === 'virtual:assets' ? '\0assets' : null),
    load: id => (id === '\0assets' ? constants(pictures) : null),
    buildStart() {
      for (const [name, file] of Object.entries(chain.wasm)) {
        if (!existsSync(file)) this.error(`${name}: ${file} is missing. Run \`cargo xtask web\`, which makes it and then this build.`);
      }
      for (const file of [chain.boot, chain.worker, ...Object.values(chain.wasm)]) this.addWatchFile(file);
    },
    generateBundle: {
      order: 'post', // the style sheet is not there earlier
      async handler(_, out) {
        const files: Record<string, string> = {};
        const add = (name: string, bytes: string | Uint8Array, ext: string): Named => {
          const url = address(name, bytes, ext), integrity = sri(bytes);
          this.emitFile({ type: 'asset', fileName: url.slice(1), source: bytes });
          files[url] = integrity;
          return { url, integrity };
        };
        for (const [name, file] of Object.entries(chain.pictures)) add(basename(file, '.svg'), readFileSync(file), pictures[name] ? 'svg' : '');
        const wasm = Object.fromEntries(Object.entries(chain.wasm).map(([name, file]) => [name, add(basename(file, '.wasm'), readFileSync(file), 'wasm')]));
        const worker = add('worker', await bundle(chain.worker, wasm, minify), 'js');
        const { chunk, style } = only(Object.values(out));
        if (!style) throw Error('the app has no style sheet');
        delete out[chunk.fileName];
        delete out[style.fileName];
        const app = add('app', chunk.code, 'js');
        const css = add('app', style.source, 'css');
        const boot = add('boot', await bundle(chain.boot, { APP: app, WORKER: worker, STYLE: css }, minify), 'js');
        const html = chain.page({ boot, app, style: css, pictures });
        if (Buffer.byteLength(html) > PAGE_LIMIT) throw Error(`index.html has ${Buffer.byteLength(html)} bytes, more than ${PAGE_LIMIT}`);
        this.emitFile({ type: 'asset', fileName: 'index.html', source: html });
        files['/index.html'] = sri(html);
        const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
        this.emitFile({ type: 'asset', fileName: 'release.json', source: JSON.stringify({ format: 1, entry: '/index.html', files: sorted }, null, 1) + '\n' });
      },
    },
  };
}

const sri = (bytes: string | Uint8Array) => 'sha384-' + createHash('sha384').update(bytes).digest('base64');
const address = (name: string, bytes: string | Uint8Array, ext: string) => `/assets/${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.${ext}`;
const constants = (values: Record<string, unknown>) => Object.entries(values).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`).join('\n');

/** Bundles one entry into exactly one text without imports; `names` is what it may know of the release. */
async function bundle(entry: string, names: Record<string, Named>, minify: boolean | 'oxc' | 'terser' | 'esbuild'): Promise<string> {
  const release: Plugin = {
    name: 'sotto-release',
    resolveId: id => (id === 'virtual:release' ? '\0release' : null),
    load: id => (id === '\0release' ? constants(names) : null),
  };
  const result = await build({
    configFile: false, logLevel: 'warn', publicDir: false, plugins: [release],
    build: { write: false, minify, target: 'es2023', modulePreload: false, assetsInlineLimit: 0, rolldownOptions: { input: entry, output: { format: 'es' } } },
  });
  const output = (Array.isArray(result) ? result : [result]).flatMap(r => ('output' in r ? r.output : []));
  return only(output).chunk.code;
}

/** A second chunk would be refused by the browser, or worse, loaded unchecked from the blob worker. */
function only(output: (Rolldown.OutputChunk | Rolldown.OutputAsset)[]): { chunk: Rolldown.OutputChunk; style: Rolldown.OutputAsset | undefined } {
  const chunks = output.filter(o => o.type === 'chunk');
  const assets = output.filter(o => o.type === 'asset');
  const style = assets.find(a => a.fileName.endsWith('.css'));
  const [chunk] = chunks;
  const strange = assets.filter(a => a !== style).map(a => a.fileName);
  if (!chunk || chunks.length > 1 || chunk.imports.length || chunk.dynamicImports.length || strange.length) {
    throw Error(`one chunk without imports expected, got ${[...chunks.map(c => c.fileName), ...strange].join(', ')}`);
  }
  if (/\bimport\.meta\b|\bimport\s*\(/.test(chunk.code)) throw Error(`${chunk.fileName}: import.meta and import() do not work from a blob`);
  return { chunk, style };
}
