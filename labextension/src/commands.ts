/** Every command by its id: what the menus, the palette, the shortcuts and the toolbar name. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';

import { Actions } from './actions';
import { backIcon, forthIcon, timeslipIcon } from './icons';
import { IState } from './logic/contract';
import { runsOf } from './logic/staleness';
import { Manager } from './notebook/manager';
import { NotebookHistory } from './notebook/history';

export const CommandIDs = {
  button: 'timeslip:button',
  start: 'timeslip:start',
  panel: 'timeslip:show-history',
  undo: 'timeslip:undo',
  redo: 'timeslip:redo',
  go: 'timeslip:go-to-state',
  goCells: 'timeslip:go-to-state-cells',
  goBoth: 'timeslip:go-to-state-both',
  branch: 'timeslip:branch',
  switch: 'timeslip:switch-branch',
  tag: 'timeslip:tag',
  describe: 'timeslip:describe',
  resume: 'timeslip:resume',
  before: 'timeslip:before-cell',
  after: 'timeslip:after-cell'
};

export interface ICommandParts {
  app: JupyterFrontEnd;
  manager: Manager;
  actions: Actions;
  palette: ICommandPalette | null;
  trans: TranslationBundle;
  togglePanel: () => void;
  showPanel: () => void;
}

export function addCommands(parts: ICommandParts): void {
  const { app, manager, actions, trans } = parts;
  const { commands } = app;
  const on = () => manager.current?.isOn ?? false;
  const there = () => manager.current !== null;

  /** The state that commands without a choice of their own are about: the selected one, or where the session is. */
  const chosen = (history: NotebookHistory): IState | undefined =>
    history.model.state(history.selection[0] ?? history.model.head);

  const about = (id: string, label: string, act: (history: NotebookHistory, state: IState) => unknown) =>
    commands.addCommand(id, {
      label,
      isEnabled: on,
      execute: async () => {
        const history = manager.current;
        const state = history && chosen(history);
        if (history && state) {
          await act(history, state);
        }
      }
    });

  commands.addCommand(CommandIDs.button, {
    label: () => (on() ? trans.__('Timeslip history') : trans.__('Record with Timeslip')),
    caption: () =>
      on()
        ? trans.__('Timeslip records this notebook: show or hide its history')
        : trans.__('Record this notebook with Timeslip, so that every state of its variables can be brought back'),
    icon: timeslipIcon,
    isEnabled: there,
    isToggled: on,
    execute: async () => {
      const history = manager.current;
      if (!history) {
        return;
      }
      if (history.isOn) {
        parts.togglePanel();
      } else {
        parts.showPanel();
        await actions.start(history);
      }
    }
  });
  commands.addCommand(CommandIDs.start, {
    label: trans.__('Start Recording'),
    caption: trans.__('Load Timeslip in the kernel of this notebook'),
    isEnabled: () => there() && !on(),
    execute: async () => {
      parts.showPanel();
      await actions.start(manager.current!);
    }
  });
  commands.addCommand(CommandIDs.panel, {
    label: trans.__('Timeslip History'),
    caption: trans.__('Show or hide the states of this notebook'),
    icon: timeslipIcon,
    execute: parts.togglePanel
  });
  commands.addCommand(CommandIDs.undo, {
    label: trans.__('Undo Last Cell'),
    caption: trans.__('The variables become as they were before the last cell'),
    icon: backIcon,
    isEnabled: on,
    execute: () => manager.current && actions.undo(manager.current)
  });
  commands.addCommand(CommandIDs.redo, {
    label: trans.__('Redo'),
    caption: trans.__('Go forward again after an undo'),
    icon: forthIcon,
    isEnabled: on,
    execute: () => manager.current && actions.redo(manager.current)
  });
  about(CommandIDs.go, trans.__('Go to Selected State: Variables'), (h, s) => actions.goTo(h, s, 'variables'));
  about(CommandIDs.goCells, trans.__('Go to Selected State: Cells'), (h, s) => actions.goTo(h, s, 'cells'));
  about(CommandIDs.goBoth, trans.__('Go to Selected State: Variables and Cells'), (h, s) => actions.goTo(h, s, 'both'));
  about(CommandIDs.branch, trans.__('New Branch at Selected State …'), (h, s) => actions.branch(h, s));
  about(CommandIDs.tag, trans.__('Tag Selected State …'), (h, s) => actions.tag(h, s));
  about(CommandIDs.describe, trans.__('Describe Selected State …'), (h, s) => actions.describe(h, s));
  commands.addCommand(CommandIDs.switch, {
    label: trans.__('Switch Branch …'),
    isEnabled: on,
    execute: () => manager.current && actions.pickBranch(manager.current)
  });
  commands.addCommand(CommandIDs.resume, {
    label: trans.__('Bring Back State of Earlier Kernel'),
    isEnabled: () => !!manager.current?.resumable,
    execute: () => manager.current && actions.resume(manager.current)
  });

  /** The state after the newest run of the active cell; of several, the one that leads to where the session is. */
  const ofCell = (history: NotebookHistory): IState | undefined => {
    const cell = history.panel.content.activeCell;
    const shared = cell?.model.sharedModel as any;
    const runs = runsOf(history.model, shared?.execution_count ?? null, shared?.getSource() ?? '');
    const line = history.model.lineOf(history.model.head);
    return runs.find(run => line.has(run.id)) ?? runs[0];
  };
  const cell = (id: string, label: string, find: (history: NotebookHistory, run: IState) => IState | undefined) =>
    commands.addCommand(id, {
      label,
      isEnabled: on,
      execute: async () => {
        const history = manager.current;
        const run = history && ofCell(history);
        const state = history && run && find(history, run);
        if (history && state) {
          await actions.goTo(history, state, 'variables');
        } else if (history) {
          const why = run
            ? trans.__('Recording began with this cell: there is no state before it.')
            : trans.__('No state of this cell is recorded.');
          Notification.info(why, { autoClose: 4000 });
        }
      }
    });
  cell(CommandIDs.before, trans.__('Restore the State Before This Cell'), (history, run) => history.model.before(run.id));
  cell(CommandIDs.after, trans.__('Restore the State After This Cell'), (_, run) => run);

  if (parts.palette) {
    const category = trans.__('Timeslip');
    for (const [key, command] of Object.entries(CommandIDs)) {
      if (key !== 'button') {
        parts.palette.addItem({ command, category });
      }
    }
  }
  const refresh = () => Object.values(CommandIDs).forEach(id => commands.notifyCommandChanged(id));
  let was = '';
  manager.changed.connect(() => {
    const history = manager.current;
    const now = `${history?.panel.id} ${history?.isOn} ${!!history?.resumable}`;
    if (now !== was) {
      was = now;
      refresh();
    }
  });
  manager.currentChanged.connect(refresh);
}
