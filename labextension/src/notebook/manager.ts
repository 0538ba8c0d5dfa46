/** The histories of all open notebooks, and the one that the panel shows. */
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { CodeCell } from '@jupyterlab/cells';
import { TranslationBundle } from '@jupyterlab/translation';
import { ISignal, Signal } from '@lumino/signaling';

import { IOptions, NotebookHistory } from './history';

export class Manager {
  constructor(
    private readonly tracker: INotebookTracker,
    readonly options: IOptions,
    private readonly trans: TranslationBundle
  ) {
    tracker.forEach(panel => this._add(panel));
    tracker.widgetAdded.connect((_, panel) => this._add(panel));
    tracker.currentChanged.connect(() => this._currentChanged.emit());
    NotebookActions.executed.connect((_, done) => {
      const panel = this.tracker.find(one => one.content === done.notebook);
      if (panel && done.cell instanceof CodeCell) {
        this.of(panel)?.executed(done.cell);
      }
    });
    // Another tab has begun to record the same kernel.
    this._channel?.addEventListener('message', message => {
      for (const one of this._histories.values()) {
        if (one.link?.kernel.id === message.data && !one.isOn) {
          void one.link?.probe();
        }
      }
    });
  }

  /** The history of the notebook that the user looks at. */
  get current(): NotebookHistory | null {
    const panel = this.tracker.currentWidget;
    return panel ? this.of(panel) : null;
  }

  get currentChanged(): ISignal<this, void> {
    return this._currentChanged;
  }

  /** The history that is shown has changed, or another one is shown. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  of(panel: NotebookPanel): NotebookHistory | null {
    return this._histories.get(panel.id) ?? null;
  }

  all(): NotebookHistory[] {
    return [...this._histories.values()];
  }

  private _add(panel: NotebookPanel): void {
    const others = () => this.all().filter(one => one.panel !== panel).map(one => one.panel.context.localPath);
    const history = new NotebookHistory(panel, this.options, others, this.trans);
    let announced = '';
    this._histories.set(panel.id, history);
    panel.disposed.connect(() => {
      this._histories.delete(panel.id);
      this._changed.emit();
    });
    history.changed.connect(() => {
      const kernel = history.isOn ? history.link!.kernel.id : '';
      if (kernel !== announced) {
        announced = kernel;
        if (kernel) {
          this._channel?.postMessage(kernel);
        }
      }
      this._changed.emit();
    });
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _channel = 'BroadcastChannel' in window ? new BroadcastChannel('timeslip') : null;
  private _currentChanged = new Signal<this, void>(this);
  private _histories = new Map<string, NotebookHistory>();
}
