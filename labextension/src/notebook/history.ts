/** The history of one open notebook: its kernel's link, what is known of the states, and its cells. */
import { ISessionContext } from '@jupyterlab/apputils';
import { CodeCell } from '@jupyterlab/cells';
import { PathExt } from '@jupyterlab/coreutils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Kernel } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { JSONObject } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Condition, Fault, IRan, KernelLink } from '../kernel/link';
import { IAnswering, StoredHistory } from '../kernel/stored';
import { IEvent, IHistory, IState } from '../logic/contract';
import { HistoryModel } from '../logic/model';
import { standings } from '../logic/staleness';
import { seen } from './cells';
import { Keeper } from './keeping';
import { mark, unmark } from './marks';

/** States in the first page, which is shown at once, and in the ones that follow. */
const FIRST_PAGE = 200;
const PAGE = 1000;
/** After so long the server has told the store that a notebook was renamed, milliseconds. */
const MOVING = 500;
/** More states than anybody looks through. */
const MOST = 20000;

/** What the user has set. */
export interface IOptions {
  startAlways: boolean;
  keepCells: boolean;
  keepCellsMegabytes: number;
  marks: boolean;
  ask: boolean;
}

export class NotebookHistory implements IDisposable {
  constructor(
    readonly panel: NotebookPanel,
    readonly options: IOptions,
    /** Paths of the other notebooks that are open. */
    readonly others: () => string[],
    private readonly trans: TranslationBundle
  ) {
    this._keeper = new Keeper(panel, options, () => this._onKept());
    const session = panel.sessionContext;
    session.kernelChanged.connect(this._onKernel, this);
    session.statusChanged.connect(this._onStatus, this);
    session.connectionStatusChanged.connect(this._onConnection, this);
    this._path = panel.context.localPath;
    panel.context.pathChanged.connect(this._onPath, this);
    panel.disposed.connect(() => this.dispose());
    panel.content.modelContentChanged.connect(this._onContent, this);
    void session.ready.then(() => {
      if (!this._isDisposed && !this.link && !this.stored) {
        this._take(session.session?.kernel ?? null);
      }
    });
  }

  readonly model = new HistoryModel();
  link: KernelLink | null = null;
  /** What the user looks at: ids of selected states, the last one first. */
  selection: string[] = [];
  /** What is being done in the kernel, for people. */
  working: string | null = null;
  /** What the server reads while no kernel is recorded. */
  stored: StoredHistory | null = null;
  /** The commit that a new kernel can bring back. */
  resumable: IState | null = null;

  /** Something to show has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get condition(): Condition | null {
    return this.link?.condition ?? null;
  }

  get isOn(): boolean {
    return this.link?.isOn ?? false;
  }

  /** Whether there is a history to look at without a kernel. */
  get isReading(): boolean {
    return !this.isOn && this.stored !== null;
  }

  /** Ask whoever knows the history: the kernel, or the server where none is recorded. */
  ask(verb: string, details: JSONObject = {}): Promise<any> {
    const source = this._source;
    return source
      ? source.ask(verb, details)
      : Promise.reject(new Fault({ code: 'no-session', message: this.trans.__('This notebook is not being recorded') }));
  }

  private get _source(): IAnswering | null {
    return this.link?.isOn ? this.link : this.stored;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.link?.dispose();
    this._keeper.dispose();
    window.clearTimeout(this._timer);
    window.clearTimeout(this._keptTimer);
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  /** A kernel of the notebook's kind, where there is none; whether one is there. */
  async startKernel(): Promise<boolean> {
    if (this.link === null) {
      const context = this.panel.sessionContext;
      const spec = this.panel.content.model?.getMetadata('kernelspec') as { name?: string } | undefined;
      const name = spec?.name ?? context.kernelPreference.name;
      await context.changeKernel(name ? { name } : {});
    }
    return this.link !== null;
  }

  /** Say that something has changed; the marks in the cells follow. */
  tell(): void {
    if (this._isDisposed) {
      return;
    }
    this._changed.emit();
    this.markSoon();
  }

  /** Ask the kernel for its newest states, and for all older ones when they are not known yet. */
  async load(): Promise<void> {
    const source = this._source;
    if (!source) {
      return;
    }
    if (this._loading) {
      this._again = true;
      return;
    }
    this._loading = true;
    try {
      let page: IHistory = await source.ask('history', { since: null, limit: FIRST_PAGE, before: null });
      if (source !== this._source) {
        this._again = true;
        return;
      }
      if (this._rewritten) {
        this._rewritten = false;
        this.model.replace(page);
      } else {
        this.model.refresh(page);
      }
      if (this.link?.isOn) {
        this._keeper.match(this.model, this.link);
      }
      this.selection = this.selection.filter(id => this.model.state(id));
      this.tell();
      while (this.model.more && this.model.order.length < MOST) {
        const before = this.model.order[this.model.order.length - 1];
        page = await source.ask('history', { since: null, limit: PAGE, before });
        if (source !== this._source || this.model.order[this.model.order.length - 1] !== before) {
          break;
        }
        this.model.extend(page);
        this.tell();
      }
    } catch (error) {
      // The link has ended on the way, which it tells itself.
    } finally {
      this._loading = false;
      if (this._again) {
        this._again = false;
        void this.load();
      }
    }
  }

  /** A code cell has run in this page. */
  executed(cell: CodeCell): void {
    if (!this.isOn && /timeslip/.test(cell.model.sharedModel.getSource())) {
      // %load_ext timeslip was typed: the panel shows it as if its button had been used.
      void this.link?.probe();
    }
    this.markSoon();
  }

  /** Mark the cells, once, after what happens now. */
  markSoon(): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => {
      if (this._isDisposed || !this.panel.content.model) {
        return;
      }
      if (this.isOn && this.options.marks) {
        mark(this.panel, standings(this.model, seen(this.panel)), this.trans);
      } else {
        unmark(this.panel);
      }
    }, 30);
  }

  private _onKernel(_: ISessionContext, change: { newValue: Kernel.IKernelConnection | null }): void {
    this._take(change.newValue);
  }

  private _take(kernel: Kernel.IKernelConnection | null): void {
    if (kernel && kernel.name !== this._wanted) {
      // Of another kind of kernel the user has not said that it is to be recorded.
      this._wanted = null;
    }
    this.link?.dispose();
    this.link = null;
    this._forget();
    if (kernel) {
      const link = new KernelLink(kernel, this.trans);
      this.link = link;
      link.conditionChanged.connect(this._onCondition, this);
      link.event.connect(this._onEvent, this);
      link.ran.connect(this._onRan, this);
      link.replaced.connect(this._onReplaced, this);
      void this._begin(link);
    } else {
      void this._readStore();
    }
    this.tell();
  }

  private _forget(): void {
    this.model.clear();
    this.stored = null;
    this.selection = [];
    this.resumable = null;
    this._keeper.clear();
    this.working = null;
  }

  /** Without a kernel that is recorded, what is in the store can be looked at, and brought back. */
  private async _readStore(): Promise<void> {
    const link = this.link;
    const stored = await StoredHistory.find(this.panel.context.localPath);
    if (stored && link === this.link && !this.isOn && !this._isDisposed) {
      this.stored = stored;
      this.resumable = stored.last;
      await this.load();
      this.tell();
    }
  }

  /** Connect to a kernel: it is asked, and recorded at once when that is what the user wants. */
  private async _begin(link: KernelLink): Promise<void> {
    if (this._wanted !== null || this.options.startAlways) {
      await link.start();
    } else {
      await link.probe();
    }
  }

  private _onReplaced(link: KernelLink): void {
    this._forget();
    link.reset(false);
    void this._begin(link);
  }

  private _onStatus(_: ISessionContext, status: Kernel.Status): void {
    const link = this.link;
    if (!link) {
      return;
    }
    if (status === 'restarting' || status === 'autorestarting' || status === 'dead' || status === 'terminating') {
      if (link.condition.kind !== 'gone') {
        this._forget();
        link.reset(true);
        void this._awaken(link);
      }
    } else if (status === 'idle' && link.condition.kind === 'gone') {
      link.reset(false);
      void this._begin(link);
    }
    this._changed.emit();
  }

  private async _awaken(link: KernelLink): Promise<void> {
    if (await link.answers()) {
      link.reset(false);
      await this._begin(link);
    }
  }

  private _onConnection(_: ISessionContext, status: Kernel.ConnectionStatus): void {
    if (status === 'connected' && this.isOn) {
      void this._catchUp();
    }
    this.tell();
  }

  /** What happened while the connection was away, nobody has told. */
  private async _catchUp(): Promise<void> {
    const link = this.link!;
    await this.load();
    const { seq } = this.model;
    try {
      const { paused, unfinished } = await link.ask('status', { words: [] });
      // What was told since then is newer than this answer may be.
      if (this.model.seq === seq) {
        this.model.settle(paused ?? null, unfinished > 0);
        this.tell();
      }
    } catch (error) {
      // The link has ended on the way, which it tells itself.
    }
  }

  private _onCondition(link: KernelLink, condition: Condition): void {
    if (condition.kind === 'on') {
      this._wanted = link.kernel.name;
      this._forget();
      const hello = condition.hello;
      this.model.storeBytes = hello.store_bytes ?? null;
      this.model.settle(hello.paused ?? null, false);
      void this.load().then(() => {
        this._keeper.begin(this.model);
        const state = this.model.state(hello.resumable ?? null);
        if (state && this.model.head !== state.id && link === this.link) {
          this.resumable = state;
          this.tell();
        }
      });
    } else if (condition.kind === 'off' || (condition.kind === 'gone' && link.kernel.status === 'dead')) {
      if (condition.kind === 'off') {
        this._wanted = null;
      }
      this._forget();
      void this._readStore();
    }
    this.tell();
  }

  private _onEvent(link: KernelLink, event: IEvent): void {
    if (link.condition.kind === 'on' && event.session && event.session !== link.condition.hello.session) {
      // `resume --from` goes on with another session: nothing of what was known is part of it.
      link.condition.hello.session = event.session;
      this._forget();
      void this.load();
      return;
    }
    // Older pages, too, may say what is not there any more.
    this._rewritten = this._rewritten || event.event === 'rewritten';
    const applied = this.model.apply(event);
    if (applied === 'gap') {
      void this.load();
    }
    if (event.event === 'recorded') {
      this._keeper.match(this.model, link);
    }
    if (event.event === 'moved' && this.resumable && this.model.head === this.resumable.id) {
      this.resumable = null;
    }
    this.tell();
  }

  /** The notebook has another name: the session goes with it, so that a new kernel and the server find it. */
  private _onPath(): void {
    const [from, to] = [this._path, this.panel.context.localPath];
    this._path = to;
    if (from === to) {
      return;
    }
    if (this.link?.isOn) {
      this.link.ask('renamed', { from, to }).catch(error => console.warn('timeslip:', error));
    } else if (this.stored) {
      // The server ties the history to the new path as soon as the file has it.
      window.setTimeout(() => void this._readStore(), MOVING);
    }
    const context = this.panel.sessionContext as any;
    if (context.session === null && context._path === from) {
      // JupyterLab tells a kernel's session of the new path; one that begins later would get the old one, and a kernel
      // that goes by it would look for the history of a notebook that is not there.
      context._path = to;
      context._name = PathExt.basename(to);
    }
  }

  private _onContent(): void {
    if (this.isOn) {
      this.markSoon();
    }
  }

  /** Cells were kept: the details say so soon. What else is shown does not change with it. */
  private _onKept(): void {
    if (this._keptTimer === 0) {
      this._keptTimer = window.setTimeout(() => {
        this._keptTimer = 0;
        if (!this._isDisposed) {
          this.model.revision += 1;
          this._changed.emit();
        }
      }, 500);
    }
  }

  private _onRan(link: KernelLink, ran: IRan): void {
    if (link.isOn) {
      this._keeper.ran(ran);
      this._keeper.match(this.model, link);
    }
  }

  private _again = false;
  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _loading = false;
  private _keeper: Keeper;
  private _keptTimer = 0;
  private _path: string;
  private _rewritten = false;
  private _timer = 0;
  /** The kind of kernel that the user wants to be recorded here: a new one of that kind is, too. */
  private _wanted: string | null = null;
}
