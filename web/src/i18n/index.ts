import { en } from './en';

export type Texts = typeof en;
export type Key = keyof Texts;
type Arguments<K extends Key> = Texts[K] extends (...args: infer A) => string ? A : [];

/** The text of a key; texts with numbers or names are functions, so that a missing value does not compile. */
export function t<K extends Key>(key: K, ...args: Arguments<K>): string {
  const text = en[key] as string | ((...args: unknown[]) => string);
  return typeof text === 'string' ? text : text(...args);
}
