import { expect, test } from 'vitest';
import { gatherWrites, type AccessHandle } from './files';

/** A file that notes what is done with it. */
function kind() {
  const calls: string[] = [];
  let bytes = new Uint8Array(0);
  let refuses = 0;
  class File implements AccessHandle {
    read(into: ArrayBuffer | ArrayBufferView, { at = 0 } = {}): number {
      calls.push(`read ${at}`);
      const target = new Uint8Array((into as Uint8Array).buffer);
      const found = bytes.subarray(at, at + target.length);
      target.set(found);
      return found.length;
    }

    write(from: ArrayBuffer | ArrayBufferView, { at = 0 } = {}): number {
      calls.push(`write ${at}+${from.byteLength}`);
      if (refuses) throw new Error('full');
      const given = ArrayBuffer.isView(from) ? new Uint8Array(from.buffer, from.byteOffset, from.byteLength) : new Uint8Array(from);
      const grown = new Uint8Array(Math.max(bytes.length, at + given.length));
      grown.set(bytes);
      grown.set(given, at);
      bytes = grown;
      return given.length;
    }

    flush() { calls.push('flush'); }

    truncate(size: number) {
      calls.push(`truncate ${size}`);
      bytes = bytes.slice(0, size);
    }

    getSize() {
      calls.push('size');
      return bytes.length;
    }

    close() { calls.push('close'); }
  }
  gatherWrites(File.prototype);
  return { file: new File(), other: new File(), calls, refuse: (now: boolean) => { refuses = now ? 1 : 0; }, bytes: () => bytes };
}

test('pieces that join leave as one, with the flush', () => {
  const { file, calls, bytes } = kind();
  const memory = new Uint8Array(12).fill(1);
  expect(file.write(memory.subarray(0, 4), { at: 100 })).toBe(4);
  // The core uses its memory again at once.
  memory.fill(2);
  expect(file.write(memory.subarray(4, 12), { at: 104 })).toBe(8);
  memory.fill(9);
  expect(calls).toEqual([]);
  file.flush();
  expect(calls).toEqual(['write 100+12', 'flush']);
  expect([...bytes().subarray(100)]).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
  file.flush();
  expect(calls.slice(2), 'once').toEqual(['flush']);
});
test('everything else sees what was written before it, in order', () => {
  for (const [act, name] of [
    [(file: AccessHandle) => file.read(new Uint8Array(2), { at: 0 }), 'read 0'],
    [(file: AccessHandle) => file.getSize(), 'size'],
    [(file: AccessHandle) => { file.truncate(1); }, 'truncate 1'],
    [(file: AccessHandle) => { file.close(); }, 'close'],
  ] as const) {
    const { file, other, calls } = kind();
    file.write(new Uint8Array([7, 8]), { at: 0 });
    other.write(new Uint8Array([6]), { at: 50 });
    act(file);
    expect(calls).toEqual(['write 0+2', name]);
  }
});
test('what does not join, and what is large, leaves by itself', () => {
  const { file, calls, bytes } = kind();
  file.write(new Uint8Array([1, 2]), { at: 0 });
  file.write(new Uint8Array([3]), { at: 1 });
  file.write(new Uint8Array([4]).buffer, { at: 2 });
  file.write(new Uint8Array(200_000), { at: 3 });
  file.write(new Uint8Array([5]), { at: 0 });
  file.write(new Uint8Array([6]));
  expect(calls).toEqual(['write 0+2', 'write 1+2', 'write 3+200000', 'write 0+1', 'write 0+1']);
  expect([...bytes().subarray(0, 3)]).toEqual([6, 3, 4]);
  // A long transaction is held back only so far.
  for (let at = 0; at < 400_000; at += 4_000) file.write(new Uint8Array(4_000), { at });
  file.flush();
  expect(calls.slice(5).filter(call => call.startsWith('write')).length).toBe(4);
});
test('a disk that refuses is heard of before the flush, and what it refused is not tried again', () => {
  const { file, calls, refuse } = kind();
  refuse(true);
  file.write(new Uint8Array([1]), { at: 0 });
  expect(() => { file.flush(); }).toThrow('full');
  expect(calls).toEqual(['write 0+1']);
  refuse(false);
  file.flush();
  expect(calls).toEqual(['write 0+1', 'flush']);
  refuse(true);
  file.write(new Uint8Array([1]), { at: 0 });
  expect(() => { file.close(); }).toThrow('full');
  expect(calls.slice(2), 'nobody else could open it').toEqual(['write 0+1', 'close']);
});
