// For svelte-check; the build takes the same options from vite.config.ts.
export default { compilerOptions: { fragments: 'tree', css: 'external', runes: true } };
