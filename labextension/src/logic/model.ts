/**
 * What the front end knows of the history of one session: states by id, where the session is, and up to which event.
 *
 * The kernel numbers its events. One that is not the next shows that something was missed (another tab was quicker, the
 * connection broke): then the history is asked for again instead of guessed at.
 */
import { IEvent, IHistory, IState } from './contract';

export type Applied = 'applied' | 'gap' | 'old';
export type Activity = 'idle' | 'recording' | 'saving' | 'paused';

export class HistoryModel {
  seq: number | null = null;
  head: string | null = null;
  branch: string | null = null;
  branches: { [name: string]: string } = {};
  tags: { [name: string]: string } = {};
  /** Ids, newest first. */
  order: string[] = [];
  /** Whether the kernel has older states than these. */
  more = false;
  activity: Activity = 'idle';
  /** Why recording is paused. */
  why: string | null = null;
  storeBytes: number | null = null;
  /** How often what is recorded was changed in its place: answers from before say more than there is. */
  rewritten = 0;
  /** Rises with every change: what is computed from the model is kept as long as it stays. */
  revision = 0;

  /** The state of that id, if it is known here. */
  state(id: string | null): IState | undefined {
    return id === null ? undefined : this._states.get(id);
  }

  /** All states, newest first. */
  get states(): IState[] {
    return this.order.map(id => this._states.get(id)!);
  }

  /** Take over a history that was asked for: it is the truth at its event number. */
  replace(history: IHistory): void {
    this._states = new Map(history.states.map(state => [state.id, state]));
    this.order = history.states.map(state => state.id);
    this.more = history.more;
    this._place(history);
  }

  /** Add older states, asked for with `before`. */
  extend(history: IHistory): void {
    for (const state of history.states) {
      if (!this._states.has(state.id)) {
        this._states.set(state.id, state);
        this.order.push(state.id);
      }
    }
    this.more = history.more;
    this.revision += 1;
  }

  /** Take over the newest states of a history, and keep the older ones that are known already. */
  refresh(history: IHistory): void {
    const fresh = new Set(history.states.map(state => state.id));
    const joins = history.states.some(state => this._states.has(state.id));
    if (!joins || !history.more) {
      // Nothing in common: there is a gap of unknown length between them. Not more: that is everything there is.
      this.replace(history);
      return;
    }
    const last = history.states[history.states.length - 1];
    const from = this.order.indexOf(last.id);
    const older = from === -1 ? [] : this.order.slice(from + 1).filter(id => !fresh.has(id));
    const states = new Map(history.states.map(state => [state.id, state]));
    for (const id of older) {
      states.set(id, this._states.get(id)!);
    }
    const more = older.length ? this.more : history.more;
    this._states = states;
    this.order = [...history.states.map(state => state.id), ...older];
    this.more = more;
    this._place(history);
  }

  /** Take over an event; 'gap' when the history has to be asked for. */
  apply(event: IEvent): Applied {
    if (this.seq === null) {
      return 'gap';
    }
    if (event.seq <= this.seq) {
      return 'old';
    }
    const next = event.seq === this.seq + 1;
    this.revision += 1;
    this._activity(event);
    if (event.store_bytes !== undefined && event.store_bytes !== null) {
      this.storeBytes = event.store_bytes;
    }
    if (!next) {
      return 'gap';
    }
    this.seq = event.seq;
    if (event.event === 'rewritten') {
      this.rewritten += 1;
    }
    if (event.more) {
      return 'gap';
    }
    const given = event.states ?? (event.state ? [event.state] : []);
    for (const state of [...given].reverse()) {
      if (!this._states.has(state.id)) {
        this.order.unshift(state.id);
      }
      this._states.set(state.id, state);
    }
    this.head = event.head;
    this.branch = event.branch;
    if (event.branches) {
      this.branches = event.branches;
    } else if (event.event === 'recorded' && event.branch !== null && event.head !== null) {
      this.branches = { ...this.branches, [event.branch]: event.head };
    }
    if (event.tags) {
      this.tags = event.tags;
    }
    // Being somewhere that is not known here means that something was missed after all.
    return this.head === null || this._states.has(this.head) || this.more ? 'applied' : 'gap';
  }

  /** Forget everything: another kernel, another session. */
  clear(): void {
    this._states = new Map();
    this.order = [];
    this.seq = null;
    this.head = this.branch = this.why = null;
    this.branches = {};
    this.tags = {};
    this.more = false;
    this.activity = 'idle';
    this.revision += 1;
  }

  /** What the kernel does now, as it says when it is asked: why recording is paused, or whether something is being saved. */
  settle(paused: string | null, saving: boolean): void {
    this.activity = paused !== null ? 'paused' : saving ? 'saving' : 'idle';
    this.why = paused;
    this.revision += 1;
  }

  /** *id* and what leads to it, as far as it is known. */
  lineOf(id: string | null): Set<string> {
    const line = new Set<string>();
    const todo = id === null ? [] : [id];
    while (todo.length) {
      const next = todo.pop()!;
      if (!line.has(next)) {
        line.add(next);
        todo.push(...(this._states.get(next)?.parents ?? []));
      }
    }
    return line;
  }

  /** Branches and tags that name *id*. */
  refsOf(id: string): { branches: string[]; tags: string[] } {
    const naming = (refs: { [name: string]: string }) => Object.keys(refs).filter(name => refs[name] === id);
    return { branches: naming(this.branches), tags: naming(this.tags) };
  }

  /** The state before *id*: what the session was like when its cell began. */
  before(id: string): IState | undefined {
    const parent = this._states.get(id)?.parents[0];
    return parent === undefined ? undefined : this._states.get(parent);
  }

  private _place(history: IHistory): void {
    this.seq = history.seq;
    this.head = history.head;
    this.branch = history.branch;
    this.branches = history.branches;
    this.tags = history.tags;
    this.revision += 1;
  }

  private _activity(event: IEvent): void {
    switch (event.event) {
      case 'recording':
      case 'saving':
        this.activity = event.event;
        break;
      case 'paused':
        this.activity = 'paused';
        this.why = event.why ?? null;
        break;
      case 'recorded':
      case 'resumed':
      case 'moved':
        this.activity = 'idle';
        this.why = null;
        break;
    }
  }

  private _states = new Map<string, IState>();
}
