/** The panel as a widget of the side bar, and a comparison as one of the main area or of a dialog. */
import { Dialog, MainAreaWidget, ReactWidget, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Message } from '@lumino/messaging';
import * as React from 'react';

import { Actions } from '../actions';
import { timeslipIcon } from '../icons';
import { Manager } from '../notebook/manager';
import { NotebookHistory } from '../notebook/history';
import { Compare } from './compare';
import { IViewProps, View } from './view';

export const PANEL_ID = 'timeslip-history';

export class HistoryPanel extends ReactWidget {
  constructor(private readonly props: IViewProps) {
    super();
    this.id = PANEL_ID;
    this.addClass('timeslip-HistoryPanel');
    this.title.icon = timeslipIcon;
    this.title.caption = props.trans.__('Timeslip history');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', props.trans.__('Timeslip history'));
  }

  protected render(): JSX.Element {
    return <View {...this.props} />;
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    const target = this.node.querySelector<HTMLElement>('.timeslip-List, [data-action=start]');
    (target ?? this.node).focus();
  }
}

class Comparison extends ReactWidget {
  constructor(private readonly draw: () => JSX.Element) {
    super();
  }

  protected render(): JSX.Element {
    return this.draw();
  }
}

function comparison(history: NotebookHistory, a: string, b: string, actions: Actions, trans: TranslationBundle): ReactWidget {
  const title = (id: string) => {
    const state = history.model.state(id);
    return state ? actions.title(state) : id.slice(0, 8);
  };
  const titles: [string, string] = [title(a), title(b)];
  const widget = new Comparison(() => <Compare history={history} a={a} b={b} titles={titles} trans={trans} />);
  widget.addClass('timeslip-CompareWidget');
  widget.title.label = `${title(a)} → ${title(b)}`;
  widget.title.caption = trans.__('Comparison of two states of %1', history.panel.title.label);
  widget.title.icon = timeslipIcon;
  return widget;
}

/** A comparison beside the notebook. */
export function comparisonTab(
  history: NotebookHistory,
  a: string,
  b: string,
  actions: Actions,
  trans: TranslationBundle
): MainAreaWidget {
  const content = comparison(history, a, b, actions, trans);
  const tab = new MainAreaWidget({ content });
  tab.title.closable = true;
  const end = () => tab.dispose();
  history.panel.disposed.connect(end);
  // What is forgotten in the store may not stay here.
  const draw = () => content.update();
  history.changed.connect(draw);
  tab.disposed.connect(() => {
    history.panel.disposed.disconnect(end);
    history.changed.disconnect(draw);
  });
  return tab;
}

/** A comparison over everything, where a page has room for the notebook only. */
export async function comparisonDialog(
  history: NotebookHistory,
  a: string,
  b: string,
  actions: Actions,
  trans: TranslationBundle
): Promise<void> {
  const body = comparison(history, a, b, actions, trans);
  await showDialog({ title: body.title.label, body, buttons: [Dialog.okButton({ label: trans.__('Close') })] });
}

export type { Manager };
