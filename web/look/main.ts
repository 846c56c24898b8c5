// The real screens over canned data, for pictures: /?scene=main&theme=dark. Never part of the product.
import { mount } from 'svelte';
import App from '../src/App.svelte';
import '../src/styles';
import { mockCore } from './mock';

mount(App, { target: document.body, props: { core: mockCore(new URLSearchParams(location.search).get('scene') ?? 'main') } });
