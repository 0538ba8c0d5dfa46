/** The item in JupyterLab's status bar. The panel says the same, for Notebook, which has none. */
import { ReactWidget } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { size } from './logic/formats';
import { Manager } from './notebook/manager';

export class StatusItem extends ReactWidget {
  constructor(
    private readonly manager: Manager,
    private readonly trans: TranslationBundle,
    private readonly open: () => void
  ) {
    super();
    this.addClass('jp-mod-highlighted');
    manager.changed.connect(() => this.update());
    manager.currentChanged.connect(() => this.update());
  }

  protected render(): JSX.Element | null {
    const history = this.manager.current;
    if (!history?.isOn) {
      return null;
    }
    const { model } = history;
    const trans = this.trans;
    const activity = history.link?.isReachable ? model.activity : 'away';
    const said = {
      away: trans.__('not connected'),
      paused: trans.__('paused'),
      idle: trans.__('recording'),
      recording: trans.__('saving'),
      saving: trans.__('saving')
    };
    const text = said[activity];
    const store = model.storeBytes === null ? '' : size(model.storeBytes);
    const full = [
      trans.__('Timeslip: %1', text),
      model.why ?? '',
      store && trans.__('size of the store: %1', store),
      trans.__('click to see the history')
    ];
    return (
      <button type="button" className="timeslip-StatusItem" data-activity={activity} title={full.filter(Boolean).join('\n')} onClick={this.open}>
        <span className="timeslip-Status-dot" aria-hidden="true" />
        Timeslip: {text}
        {store && ` · ${store}`}
      </button>
    );
  }
}
