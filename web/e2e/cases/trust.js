// Whether the ground is firm: certificates are really checked, and the suite really sees what it forbids.
import { openPage, quit } from '../browser.js';
import { until } from '../until.js';

export default [
  {
    name: 'a browser that does not trust the authority refuses the page',
    async run(t) {
      const stranger = await t.launch({ authority: null });
      try {
        const page = await openPage(stranger, []);
        const told = await page.goto(t.server.url()).then(() => 'the page loaded', error => error.message);
        if (!/ERR_CERT_AUTHORITY_INVALID|SEC_ERROR_UNKNOWN_ISSUER/.test(told)) throw new Error(`not refused: ${told}`);
      } finally {
        await quit(stranger);
      }
    },
  },
  {
    name: 'the suite notices a policy breach, an error and a foreign request',
    async run(t) {
      const own = await t.newBrowser();
      const page = await own.tab();
      await page.goto(`${own.url}/login`);
      await page.evaluate(() => {
        document.body.setAttribute('style', 'color: red');
        setTimeout(() => { throw new Error('planted'); });
        Promise.reject(new Error('planted rejection'));
        fetch('https://elsewhere.example/planted').catch(() => {});
      });
      const kinds = [/style-src/, /planted/, /planted rejection/, /connect-src/];
      await until('all planted faults to be told', () => kinds.every(kind => t.complaints.some(line => kind.test(line))));
      t.complaints.length = 0;
      t.foreign.length = 0;
    },
  },
  {
    name: 'plain HTTP on the port is sent to https',
    async run(t) {
      const answer = await fetch(`http://127.0.0.1:${t.server.ports[0]}/login`, { redirect: 'manual' });
      const to = answer.headers.get('location') ?? '';
      if (answer.status !== 308 || !to.startsWith('https://')) throw new Error(`${answer.status} ${to}`);
    },
  },
];
