// The core as the screens hold it. Nothing here waits for anything: commands may be given at once and are answered later.
import { Coordinator, STARTING } from './coordinator';
import type { AppState, Command, Commands, Core, Event } from './types';
import type { Asked } from './wire';

class Client implements Core {
  #state = STARTING;
  readonly #listeners = new Set<(event: Event) => void>();
  readonly #coordinator = new Coordinator(event => this.#hear(event));

  get state(): AppState { return this.#state; }

  on(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  async run<C extends Command>(command: C, args: Commands[C]['in']): Promise<Commands[C]['out']> {
    return await this.#coordinator.run({ command, args } as Asked) as Commands[C]['out'];
  }

  #hear(event: Event): void {
    if (event.event === 'state') {
      const before = this.#state.phase;
      this.#state = event.state;
      if (event.state.phase === 'open' && before !== 'open' && event.state.stay) keepStorage();
    }
    for (const listener of this.#listeners) listener(event);
  }
}

/** Asks the browser not to throw the store away. Some ask the person, some never answer: nobody waits for it. */
function keepStorage(): void {
  if (typeof navigator.storage?.persist === 'function') navigator.storage.persist().catch(() => {});
}

let only: Core | undefined;

/** The core of this tab. */
export function core(): Core {
  only ??= new Client();
  return only;
}
