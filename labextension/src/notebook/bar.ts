/** The quiet bar above a notebook whose earlier state can be brought back. */
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { Actions } from '../actions';
import { when } from '../logic/formats';
import { NotebookHistory } from './history';

export class ResumeBar extends Widget {
  constructor(
    private readonly history: NotebookHistory,
    actions: Actions,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('timeslip-Bar');
    this.node.setAttribute('role', 'status');
    const button = (label: string, action: string, done: () => void) => {
      const node = document.createElement('button');
      node.type = 'button';
      node.className = 'timeslip-Button';
      node.textContent = label;
      node.dataset.action = action;
      node.addEventListener('click', done);
      return node;
    };
    const bring = button(trans.__('Bring back'), 'resume', () => void actions.resume(history));
    bring.classList.add('timeslip-mod-primary');
    const close = button('✕', 'dismiss', () => {
      this._dismissed = history.resumable?.id ?? null;
      this._show();
    });
    close.setAttribute('aria-label', trans.__('Close'));
    this.node.append(this._text, bring, close);
    history.changed.connect(this._show, this);
    history.panel.contentHeader.addWidget(this);
    this._show();
  }

  private _show(): void {
    if (this.isDisposed) {
      return;
    }
    const state = this.history.resumable;
    this.setHidden(state === null || state.id === this._dismissed);
    if (state) {
      this._text.textContent = this.trans.__('State of %1 can be brought back', when(state.started, new Date()));
    }
  }

  private _dismissed: string | null = null;
  private _text = document.createElement('span');
}
