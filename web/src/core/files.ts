// Writing to a file of a worker's own is a call into another part of the browser, in Firefox into another process, and SQLite writes one
// transaction in many pieces that lie one behind the other: a frame's head, its page, the next head. Pieces that join are
// handed over as one, before anything else is done with the file: nobody can tell the difference but by the time.

/** What a page's types do not know of a worker's files. */
export interface AccessHandle {
  read(into: ArrayBuffer | ArrayBufferView, options?: { at?: number }): number;
  write(from: ArrayBuffer | ArrayBufferView, options?: { at?: number }): number;
  flush(): void;
  truncate(size: number): void;
  getSize(): number;
  close(): void;
}

/** Bytes that are held back at most. A transaction is smaller. */
const MOST = 1 << 17;

/** What is held back of one file. */
interface Held { at: number; length: number; bytes: Uint8Array }

/**
 * Makes every handle of this kind gather what is written to it. An error in writing shows in the call that makes it leave; what it
 * held is gone then, as it is when a disk refuses.
 */
export function gatherWrites(files: AccessHandle): void {
  const { write, close } = files;
  const kept = new WeakMap<AccessHandle, Held>();

  const leave = (file: AccessHandle): void => {
    const held = kept.get(file);
    if (!held?.length) return;
    const { at, length, bytes } = held;
    held.length = 0;
    const written = write.call(file, bytes.subarray(0, length), { at });
    if (written !== length) throw new Error(`${written} of ${length} bytes were written`);
  };

  files.write = function gathered(from, options) {
    const at = options?.at;
    const size = from.byteLength;
    let held = kept.get(this);
    if (at === undefined || size > MOST) {
      leave(this);
      return write.call(this, from, options);
    }
    if (!held) kept.set(this, held = { at, length: 0, bytes: new Uint8Array(MOST) });
    if (held.at + held.length !== at || held.length + size > MOST) leave(this);
    if (held.length === 0) held.at = at;
    held.bytes.set(ArrayBuffer.isView(from) ? new Uint8Array(from.buffer, from.byteOffset, size) : new Uint8Array(from), held.length);
    held.length += size;
    return size;
  };
  const behind = <A extends unknown[], R>(act: (this: AccessHandle, ...given: A) => R) => function after(this: AccessHandle, ...given: A): R {
    leave(this);
    return act.apply(this, given);
  };
  files.read = behind(files.read);
  files.flush = behind(files.flush);
  files.truncate = behind(files.truncate);
  files.getSize = behind(files.getSize);
  // Closed in any case: another worker waits for the file.
  files.close = function closed() {
    try {
      leave(this);
    } finally {
      close.call(this);
    }
  };
}
