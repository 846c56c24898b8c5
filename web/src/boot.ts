// Loads everything else by hash. The only code with the right to make a script URL.
import { APP, STYLE, WORKER } from 'virtual:release';

type Policy = { createScriptURL(url: string): string };
type Factory = { createPolicy(name: string, rules: Policy): Policy };

const rules: Policy = {
  createScriptURL(url) {
    if (url.startsWith(`blob:${location.origin}/`) || url === APP.url) return url;
    throw new TypeError('not a file of this release');
  },
};
const loader = (globalThis as { trustedTypes?: Factory }).trustedTypes?.createPolicy('sotto-loader', rules) ?? rules;

function fail(why = 'refused'): void {
  document.documentElement.setAttribute('data-refused', '');
  document.getElementById(why)?.removeAttribute('hidden');
}

/** `new Worker(url)` is not checked by any browser: fetch the text by hash, then run it from a blob. Again when one has ended. */
async function start(): Promise<Worker> {
  const source = await (await fetch(WORKER.url, { integrity: WORKER.integrity })).text();
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(loader.createScriptURL(url), { type: 'module', name: 'core' });
  worker.addEventListener('message', () => URL.revokeObjectURL(url), { once: true });
  return worker;
}

// Browsers enforce integrity of the sheet when it is named with one, but say nothing to the page: look for it.
// A refused one is not in the list in Chromium; in Firefox it is, and empty.
if ([...document.styleSheets].some(sheet => sheet.href === location.origin + STYLE.url && sheet.cssRules.length > 0)) {
  const core = start();
  core.catch(() => { fail(); });
  Object.defineProperty(globalThis, 'sotto', { value: { core, again: start, fail }, configurable: true });
  const app = document.createElement('script');
  app.type = 'module';
  app.integrity = APP.integrity;
  app.crossOrigin = 'anonymous';
  app.onerror = () => { fail(); };
  app.src = loader.createScriptURL(APP.url);
  document.head.append(app);
} else {
  fail();
}
