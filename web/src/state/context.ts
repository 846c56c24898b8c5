import { getContext, setContext } from 'svelte';
import { t } from '../i18n';
import { clock, type Clock } from '../text/time';
import type { Desk } from './desk.svelte';
import type { Router } from './router.svelte';

export interface Sotto { desk: Desk; router: Router; clock: Clock; newChat(): void }

const KEY = Symbol('sotto');
export const provide = (sotto: Sotto): Sotto => setContext(KEY, sotto);
export const sotto = (): Sotto => getContext<Sotto>(KEY);

export const makeClock = (): Clock => clock(navigator.languages, { now: t('time.now'), minutes: n => t('time.minutes', n), today: t('time.today'), yesterday: t('time.yesterday') });
