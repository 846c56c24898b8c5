/** Light or dark by choice, else as the system has it; also the colour of the browser's own bar. */
export function dress(theme: string | null): void {
  const root = document.documentElement;
  const chosen = theme === 'light' || theme === 'dark' ? theme : null;
  if (chosen) root.dataset.theme = chosen;
  else delete root.dataset.theme;
  const colour = getComputedStyle(root).getPropertyValue('--under');
  const [light = '', dark = ''] = colour.match(/#[0-9a-f]{6}/gi) ?? [];
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')) {
    const its = meta.media.includes('dark') ? 'dark' : 'light';
    const shown = (chosen ?? its) === 'dark' ? dark : light;
    if (shown) meta.content = shown;
  }
}
