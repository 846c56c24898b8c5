import { mount } from 'svelte';
import App from './App.svelte';
import { core } from './core/client';
import './styles';

mount(App, { target: document.body, props: { core: core() } });
