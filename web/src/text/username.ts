// The same rule as shared/src/handle.rs.

export type UsernameFault = 'length' | 'characters';

export function usernameFault(name: string): UsernameFault | null {
  const length = [...name].length;
  if (length < 3 || length > 30) return 'length';
  return /^[A-Za-z0-9._-]+$/.test(name) ? null : 'characters';
}
