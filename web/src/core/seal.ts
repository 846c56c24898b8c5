// The key of the local store under one that no script can read: kept in the browser's database for who stays signed in,
// handed between tabs for who does not. It stops whoever gets the files, or a script that wants to carry the key away;
// it does not stop whoever copies the whole profile.
import { NAME } from './names';
import type { Sealed } from './wire';

const purpose = new TextEncoder().encode(`${NAME} store key`);

/** Seals the key and erases what it was given. */
export async function seal(raw: Uint8Array<ArrayBuffer>): Promise<Sealed> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const bytes = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: purpose }, key, raw);
  raw.fill(0);
  return { key, iv, bytes };
}

export async function unseal({ key, iv, bytes }: Sealed): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: purpose }, key, bytes));
}
