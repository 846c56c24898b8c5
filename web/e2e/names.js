// The two words of a run. Everything only users may know contains SECRET; everything the server may know contains PUBLIC.
import { randomBytes } from 'node:crypto';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const word = length => Array.from(randomBytes(length), byte => letters[byte % letters.length]).join('');

export const SECRET = `s${word(15)}`;
export const PUBLIC = `p${word(5)}`;

let count = 0;
/** A user name nobody had before. */
export const username = name => `${name}.${PUBLIC}${++count}`;
/** A password that keeps every rule of the form. */
export const password = () => `Aa1!${SECRET}${word(4)}`;
/** A message text nobody wrote before. */
export const text = (what = 'text') => `${SECRET} ${what} ${++count}`;
