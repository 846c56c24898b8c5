import type { Chain } from './verified.ts';

/** index.html: only names and hashes, nothing inline. The paragraphs are what one reads who has to be kept out: translate="no" keeps the words of a chat from services of the browser. */
export const page: Chain['page'] = ({ boot, app, style, pictures }) => `<!doctype html>
<html lang="en" translate="no">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f2eee5" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#131210" media="(prefers-color-scheme: dark)">
<meta name="referrer" content="no-referrer">
<title>Sotto</title>
<link rel="icon" type="image/svg+xml" href="${pictures.FAVICON}">
<link rel="stylesheet" href="${style.url}" integrity="${style.integrity}" crossorigin>
<link rel="modulepreload" href="${app.url}" integrity="${app.integrity}" crossorigin>
<script type="module" src="${boot.url}" integrity="${boot.integrity}" crossorigin></script>
</head>
<body>
<p class="refused" id="refused" role="alert" hidden>Sotto did not start. A file of this page was missing, or was not the one it should be, and so it was not used. Your messages are untouched. Reload the page; if this stays, tell the person who runs this server.</p>
<p class="refused" id="no-chance" role="alert" hidden>Sotto did not start. It needs random numbers that nobody can guess, and this browser gave none, or some that can be guessed: nothing would be safe with them. Your messages are untouched. Start the browser again; if this stays, use another one.</p>
<noscript>Sotto runs in your browser and needs JavaScript.</noscript>
</body>
</html>
`;
