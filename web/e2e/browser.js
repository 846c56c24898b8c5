// A real browser with a profile of its own that trusts exactly one authority, as a user's would after installing it.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { until } from './until.js';

const CHROMIUM = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage', '--disable-default-apps', '--disable-domain-reliability', '--disable-breakpad',
  // Tabs in the background of one window are tabs of a busy user, not of one who went away.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];
const FIREFOX = {
  'app.normandy.enabled': false, 'app.update.enabled': false, 'browser.safebrowsing.malware.enabled': false, 'browser.safebrowsing.phishing.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false, 'dom.push.connection.enabled': false, 'extensions.getAddons.cache.enabled': false,
  'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false, 'services.settings.server': 'http://127.0.0.1:9/',
  'toolkit.telemetry.enabled': false, 'permissions.default.persistent-storage': 1, 'browser.tabs.remote.separatePrivilegedMozillaWebContentProcess': true,
  'network.proxy.allow_hijacking_localhost': false, 'browser.sessionstore.resume_from_crash': false,
  // The same for its tabs: those behind another one are drawn ever more rarely, in the end once a minute, and a click waits for that.
  'layout.testing.top-level-always-active': true,
};

const WINDOW = { width: 1280, height: 800 };

/** Puts the certificate where this browser keeps what its user trusts. */
function trust(store, certificate) {
  mkdirSync(store, { recursive: true });
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password'], { stdio: 'pipe' });
  if (certificate) execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'sotto', '-i', certificate], { stdio: 'pipe' });
}

/** `kind` is 'chromium' or 'firefox'; `authority` may be null: then nothing is trusted beyond what ships with the browser. */
export async function launch(kind, { folder, authority, proxy }) {
  const home = join(folder, 'home');
  const profile = join(folder, 'profile');
  mkdirSync(home, { recursive: true });
  const env = { ...process.env, HOME: home, MOZ_CRASHREPORTER_DISABLE: '1' };
  if (kind === 'chromium') {
    trust(join(home, '.pki/nssdb'), authority);
    const away = proxy ? [`--proxy-server=http://127.0.0.1:${proxy}`] : [];
    return puppeteer.launch({ browser: 'chrome', executablePath: '/usr/bin/chromium', headless: true, userDataDir: profile, env, args: [...CHROMIUM, ...away], protocolTimeout: 120_000, defaultViewport: WINDOW });
  }
  trust(profile, authority);
  const away = proxy ? { 'network.proxy.type': 1, 'network.proxy.http': '127.0.0.1', 'network.proxy.http_port': proxy, 'network.proxy.ssl': '127.0.0.1', 'network.proxy.ssl_port': proxy } : {};
  return puppeteer.launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true, userDataDir: profile, env, extraPrefsFirefox: { ...FIREFOX, ...away }, protocolTimeout: 120_000, defaultViewport: WINDOW });
}

/** Runs in the page before anything else: tells of refusals by policy, and lets a test end a worker as a crash would. */
function before() {
  const tell = (kind, detail) => console.error(`sotto-report ${kind} ${detail}`);
  addEventListener('securitypolicyviolation', event => tell('csp', `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
  if (typeof ReportingObserver === 'function') {
    const wanted = ['csp-violation', 'integrity-violation', 'coep', 'crash'];
    new ReportingObserver(reports => reports.filter(report => wanted.includes(report.type)).forEach(report => tell(report.type, JSON.stringify(report.body ?? null))), { buffered: true }).observe();
  }
  addEventListener('unhandledrejection', event => tell('unhandled', String(event.reason?.stack ?? event.reason)));
  const made = [];
  const Real = globalThis.Worker;
  if (Real) {
    globalThis.Worker = class Worker extends Real {
      constructor(...given) {
        super(...given);
        made.push(this);
      }
    };
  }
  Object.defineProperty(globalThis, 'endWorkers', { value: () => made.splice(0).map(worker => worker.terminate()).length });
}

/** What the browser itself writes about a refused log-in, a line that is down, or a part of a header that it does not know yet. */
const NETWORK = /Integrity-Policy destination 'style' is not supported|Failed to load resource|WebSocket connection to|can.t establish a connection|was interrupted while the page was loading|NetworkError|net::ERR_|Cross-Origin Request Blocked/;

/** A page that remembers everything it should not have done. */
export async function openPage(context, complaints) {
  const page = await context.newPage();
  await page.evaluateOnNewDocument(before);
  page.on('console', message => {
    const said = message.text();
    if (message.type() === 'error' && !NETWORK.test(said)) complaints.push(`console: ${said}`);
  });
  // Firefox tells a socket that broke as an error of the page; only these two sentences of its own are let through.
  page.on('pageerror', error => {
    const said = String(error.stack ?? error);
    if (!/^Error: (The connection to wss:\S+ was interrupted|Firefox can.t establish a connection to the server at wss:)/.test(said)) complaints.push(`page: ${said}`);
  });
  page.setDefaultTimeout(15_000);
  return page;
}

/** Requests of the page that leave the origin (the proxy sees those of workers too). */
export function watchRequests(page, origin, foreign) {
  page.on('request', request => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(data|blob|about):/.test(url)) foreign.push(url);
  });
}

/** Runs in the page before anything else of it. */
function plant(source) {
  const Real = globalThis.Blob;
  globalThis.Blob = class Blob extends Real {
    constructor(parts, options) {
      super(options?.type === 'text/javascript' ? [source, ...parts] : parts, options);
    }
  };
}

/** Puts this script before the first line of every worker that the page makes from its next address on: it makes them from blobs. */
export const beforeWorkers = (page, source) => page.evaluateOnNewDocument(plant, source);

/** Ends every worker of the page at once, without a word to it. */
export const endWorkers = page => page.evaluate(() => globalThis.endWorkers());

/** Kills the renderer of this tab (Chromium). */
export async function crash(page) {
  const session = await page.createCDPSession();
  const crashed = new Promise(resolve => page.once('error', resolve));
  // The answer never comes: the one who would give it is gone.
  session.send('Page.crash').catch(() => {});
  await crashed;
}

/** Closes a browser for good, and by force if it does not want to. */
export async function quit(browser) {
  const child = browser.process();
  const gone = until('the browser to end', () => child === null || child.exitCode !== null || child.signalCode !== null, { within: 8_000 });
  await Promise.race([browser.close().catch(() => {}), gone.catch(() => {})]);
  await gone.catch(() => child?.kill('SIGKILL'));
}
