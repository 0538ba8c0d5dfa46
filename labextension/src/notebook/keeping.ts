/**
 * The cells of the notebook, kept with the commits of the cells that ran in this page: as they were at that moment.
 *
 * They are taken when a cell has ended, and given to the kernel when its commit is known. While further cells run this
 * is done at leisure, the newest first, so that "run all" of a long notebook is not slower for it. Only the cells that
 * differ from those given before are given.
 */
import { NotebookPanel } from '@jupyterlab/notebook';
import { IDisposable } from '@lumino/disposable';

import { Fault, IRan, KernelLink } from '../kernel/link';
import { ICellJson } from '../logic/cells';
import { IState } from '../logic/contract';
import { matched, pieces } from '../logic/keeping';
import { HistoryModel } from '../logic/model';

/** Between two notebooks that are kept while cells run, milliseconds. */
const LEISURE = 300;
/** So many runs wait for their commits at most: one that only speaks to Timeslip never has one. */
const MOST = 200;

export interface IKeepOptions {
  keepCells: boolean;
  keepCellsMegabytes: number;
}

/** A cell, and how long it is as text. Notebooks that follow each other share those that did not change. */
interface ITaken {
  json: ICellJson;
  size: number;
}

export class Keeper implements IDisposable {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly options: IKeepOptions,
    private readonly kept: () => void
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this.clear();
  }

  /** The history of a kernel begins: counts begin anew with it, so what is there already is of other runs. */
  begin(model: HistoryModel): void {
    this._before = new Set(model.order);
  }

  /** Forget what has not been kept. */
  clear(): void {
    this._ran.clear();
    this._waiting = [];
    this._given = null;
  }

  /** A cell has ended just now. What of it has no commit yet after that many others never gets one. */
  ran({ count, cell }: IRan): void {
    if (!this.options.keepCells) {
      return;
    }
    // JupyterLab writes the count into the cell when the reply has come, which may be later.
    const counted = (one: ITaken) => ({ ...one, json: { ...one.json, execution_count: count } });
    this._ran.set(count, this._take().map(one => (cell !== null && one.json.id === cell ? counted(one) : one)));
    for (const old of [...this._ran.keys()].slice(0, -MOST)) {
      this._ran.delete(old);
    }
  }

  /** Keep what has run with the commits that are known by now. */
  match(model: HistoryModel, link: KernelLink): void {
    for (const [count, state] of matched(model, [...this._ran.keys()], this._before)) {
      const cells = this._ran.get(count)!;
      this._ran.delete(count);
      if (!state.cells) {
        this._waiting.push({ state, cells });
      }
    }
    void this._keep(link);
  }

  private async _keep(link: KernelLink): Promise<void> {
    if (this._keeping) {
      return;
    }
    this._keeping = true;
    try {
      while (this._waiting.length && link.isOn) {
        const { state, cells } = this._waiting.pop()!;
        const size = cells.reduce((sum, cell) => sum + cell.size, 0);
        if (size > this.options.keepCellsMegabytes * 1e6) {
          continue;
        }
        try {
          await this._give(link, state.id, cells);
          state.cells = true;
          this.kept();
        } catch (error) {
          console.warn('timeslip: the cells of the notebook were not kept:', error);
        }
        if (link.isRunning) {
          await new Promise(resolve => window.setTimeout(resolve, LEISURE));
        }
      }
    } finally {
      this._keeping = false;
    }
  }

  /** Give the cells to the kernel: those that it does not know from before. */
  private async _give(link: KernelLink, commit: string, cells: ITaken[]): Promise<void> {
    const given = this._given?.link === link ? this._given : null;
    const parts = pieces(given?.cells ?? [], cells).map(part => (Array.isArray(part) ? part : part.json));
    const path = this.panel.context.localPath;
    let answer;
    try {
      answer = await link.ask('keep', { commit, since: given?.name ?? null, cells: { cells: parts as any, metadata: { path } } });
    } catch (error) {
      if (given === null || !(error instanceof Fault && error.fault.code === 'not-found')) {
        throw error;
      }
      this._given = null;
      return this._give(link, commit, cells);
    }
    this._given = answer.cells ? { link, name: answer.cells, cells } : null;
  }

  private _take(): ITaken[] {
    const shared = this.panel.content.model?.sharedModel;
    return (shared?.cells ?? []).map(cell => {
      let taken = this._known.get(cell);
      if (!taken) {
        const json = { ...(cell.toJSON() as any), id: cell.getId() };
        taken = { json, size: JSON.stringify(json).length };
        if (this._watch(cell)) {
          this._known.set(cell, taken);
        }
      }
      return taken;
    });
  }

  /** Whether it will be known when *cell* changes. Its signal does not tell: JupyterLab adds outputs silently. */
  private _watch(cell: object): boolean {
    const { ymodel } = cell as any;
    if (typeof ymodel?.observeDeep !== 'function') {
      return false;
    }
    if (!this._seen.has(cell)) {
      this._seen.add(cell);
      ymodel.observeDeep(() => this._known.delete(cell));
    }
    return true;
  }

  private _before = new Set<string>();
  /** What the kernel was given last, and how it calls it. */
  private _given: { link: KernelLink; name: string; cells: ITaken[] } | null = null;
  private _isDisposed = false;
  private _keeping = false;
  /** Cells as they are, until they change. */
  private _known = new WeakMap<object, ITaken>();
  /** The notebook as it was when a cell had run whose commit is not known yet, by execution count. */
  private _ran = new Map<number, ITaken[]>();
  private _seen = new WeakSet<object>();
  private _waiting: { state: IState; cells: ITaken[] }[] = [];
}
