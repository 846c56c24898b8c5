// Finding an element by the role and the name a screen reader says.
//
// To walk the whole accessibility tree is what a browser is slowest at: Firefox lays the page out anew for every element that has
// no place in that tree, a third of a second a question, and the page gets nothing done meanwhile. So the document is asked first,
// as often as needed; the browser's own tree then only has to confirm the one element found.

/** In this form the browser's tree is asked directly; `::-p-aria` goes through a function in the page, whose answer gets lost now and then. */
const aria = (role, name) => `aria/${name}[role="${role}"]`;

const SELECTORS = {
  button: 'button, [role=button]',
  checkbox: 'input[type=checkbox]',
  dialog: 'dialog[open]',
  heading: 'h1, h2, h3, h4',
  link: 'a[href]',
};

/** The first element that is shown, can be reached, and says this name. */
function look(selector, wanted) {
  const said = node => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    return node.nodeType === Node.ELEMENT_NODE && node.getAttribute('aria-hidden') !== 'true' ? [...node.childNodes].map(said).join('') : '';
  };
  const name = element => {
    const by = element.getAttribute('aria-labelledby')?.split(' ').map(id => document.getElementById(id)?.textContent ?? '').join(' ');
    return by ?? element.getAttribute('aria-label') ?? (element.labels?.length ? [...element.labels].map(said).join(' ') : said(element));
  };
  const modal = [...document.querySelectorAll('dialog:modal')].at(-1);
  return [...document.querySelectorAll(selector)].find(element => element.checkVisibility({ visibilityProperty: true })
    && (!modal || modal.contains(element)) && !element.closest('[inert], [aria-hidden=true]')
    && name(element).replaceAll(/\s+/g, ' ').trim() === wanted) ?? null;
}

export const isFirefox = page => /firefox/i.test(page.browser().process()?.spawnfile ?? '');

/** What this run's browser has confirmed: asking Firefox once for a name is enough, and Chromium is asked each time. */
const confirmed = new Set();

/** The element, or null. */
export async function locate(page, role, name) {
  const selector = SELECTORS[role];
  if (!selector) throw new Error(`no selector for the role ${role}`);
  const element = (await page.evaluateHandle(look, selector, name)).asElement();
  if (!element) return null;
  const key = `${role} ${name}`;
  if (confirmed.has(key)) return element;
  if (!(await element.$(aria(role, name)))) return null;
  if (isFirefox(page)) confirmed.add(key);
  return element;
}
