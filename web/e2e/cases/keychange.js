// The other side's keys change after they were compared: what is written then waits until the writer says so.
import { execFileSync } from 'node:child_process';
import { text } from '../names.js';
import * as on from '../page.js';
import { until } from '../until.js';

export default [
  {
    name: 'a changed key holds what is written until it is accepted',
    // A tool that puts a reset account into the stopped server's database, as a server that lies would.
    needs: 'plant',
    limit: 120_000,
    async run(t) {
      const [ann, ben] = await t.pair();
      const before = text('before');
      await on.send(ann.page, before);
      await on.shown(ben.page, before);
      await on.click(ann.page, 'button', 'Safety number');
      await on.click(ann.page, 'button', 'They match');
      await until('the comparison to be kept', () => ann.page.evaluate(() => /compared/.test(document.body.textContent)));
      await t.server.stop();
      execFileSync(t.plant, ['--data-dir', t.server.data, '--username', ben.name], { stdio: 'pipe' });
      await t.server.start();
      await until('the change to be told', () => ann.page.evaluate(() => /safety number changed/i.test(document.body.textContent)), { within: 60_000 });
      const held = text('held');
      await on.send(ann.page, held);
      // The notice stood there before anything was written; only its count says that this message is held.
      await until('the message to be held', () => ann.page.evaluate(() => /One message waits until you say so/.test(document.body.textContent)));
      const mine = await on.shown(ann.page, held);
      if (mine.state !== 'Sending') throw new Error(`it left as ${mine.state}`);
      await on.click(ann.page, 'button', 'Use the new one');
      await on.shown(ann.page, held, { state: 'Stored', within: 30_000 });
    },
  },
];
