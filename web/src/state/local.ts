// A few harmless words kept outside the store, so that the first picture is right before the core has answered.

const PREFIX = 'sotto.';

export type Remembered = 'theme' | 'seen' | 'last';

export function recall(name: Remembered): string | null {
  try { return localStorage.getItem(PREFIX + name); } catch { return null; } // refused in some private windows
}
export function remember(name: Remembered, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch { /* only a first guess is lost */ }
}
