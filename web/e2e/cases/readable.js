// Whether the search for readable things would find any.
import { spawn } from 'node:child_process';
import { forms, searchMemory } from '../readable.js';
import { until } from '../until.js';

export default [
  {
    name: 'the search finds a planted word in every form and in the memory of another process',
    async run() {
      const word = 'plantedwordplanted';
      const around = ['', 'x', 'xy', 'xyz'].flatMap(before => ['', 'z', '~~~'].map(after => Buffer.from(before + word + after)));
      const found = all => [...forms(word)].some(([, needle]) => all.includes(needle));
      for (const bytes of around) {
        for (const kind of ['base64', 'base64url', 'hex']) {
          if (!found(Buffer.from(bytes.toString(kind)))) throw new Error(`not found as ${kind} in ${bytes}`);
        }
        if (!found(Buffer.from(bytes.toString('utf8'), 'utf16le')) || !found(bytes)) throw new Error(`not found in ${bytes}`);
      }
      if (found(Buffer.from('nothing of that kind is here'))) throw new Error('found where nothing is');
      const child = spawn('sh', ['-c', 'read line', word], { stdio: ['pipe', 'ignore', 'ignore'] });
      try {
        await until('the word in the memory of another process', () => {
          let hit = false;
          searchMemory(child.pid, (_, bytes) => { hit ||= bytes.includes(word); });
          return hit;
        });
      } finally {
        child.kill('SIGKILL');
      }
    },
  },
];
