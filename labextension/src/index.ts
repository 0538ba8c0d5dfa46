/** Timeslip in JupyterLab and Notebook: one plugin. Only notebooks are required; everything else may be missing. */
import { ILabShell, ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Actions } from './actions';
import { addCommands } from './commands';
import { timeslipIcon } from './icons';
import { localeFor, speak } from './logic/formats';
import { translateSchema } from './logic/schema';
import { ResumeBar } from './notebook/bar';
import { IOptions, NotebookHistory } from './notebook/history';
import { Manager } from './notebook/manager';
import { comparisonDialog, comparisonTab, HistoryPanel } from './panel/panel';
import { StatusItem } from './status';

const ID = 'timeslip:plugin';

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'History of the states of a notebook, and travel between them.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILabShell, ILayoutRestorer, ISettingRegistry, IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    registry: ISettingRegistry | null,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    speak(localeFor(translator?.languageCode ?? 'en', navigator.languages));
    const trans = (translator ?? nullTranslator).load('timeslip');
    const options: IOptions = { startAlways: false, keepCells: true, keepCellsMegabytes: 20, marks: true, ask: true };
    const manager = new Manager(tracker, options, trans);
    const actions = new Actions(trans);

    const openLarge = (history: NotebookHistory, a: string, b: string): void => {
      if (labShell) {
        labShell.add(comparisonTab(history, a, b, actions, trans), 'main', { mode: 'split-bottom' });
      } else {
        void comparisonDialog(history, a, b, actions, trans);
      }
    };
    const panel = new HistoryPanel({ manager, actions, trans, openLarge });
    if (!labShell) {
      // Notebook makes an entry of View > Right Sidebar out of the label; JupyterLab shows the icon alone.
      panel.title.label = trans.__('Timeslip history');
    }
    app.shell.add(panel, 'right', { rank: 300, type: 'Timeslip' });
    restorer?.add(panel, panel.id);

    const showPanel = () => app.shell.activateById(panel.id);
    const togglePanel = () => {
      const shell = app.shell as any;
      if (panel.isVisible) {
        shell.collapseRight?.();
      } else {
        showPanel();
      }
    };
    addCommands({ app, manager, actions, palette, trans, togglePanel, showPanel });

    const bars = new WeakSet<NotebookHistory>();
    const addBars = () => {
      for (const history of manager.all()) {
        if (!bars.has(history)) {
          bars.add(history);
          new ResumeBar(history, actions, trans);
        }
      }
    };
    manager.changed.connect(addBars);
    addBars();

    if (statusBar) {
      const item = new StatusItem(manager, trans, showPanel);
      statusBar.registerStatusItem(ID, {
        item,
        align: 'left',
        rank: 60,
        isActive: () => manager.current?.isOn ?? false,
        activeStateChanged: manager.changed as any
      });
    }

    if (registry) {
      void registry.load(ID).then(
        settings => {
          translateSchema(settings.schema as any, trans);
          const take = () => {
            const composite = settings.composite as any;
            const always = options.startAlways;
            options.startAlways = composite.startAlways;
            options.keepCells = composite.keepCells;
            options.keepCellsMegabytes = composite.keepCellsMegabytes;
            options.marks = composite.marks;
            options.ask = composite.askBeforeLoss;
            for (const history of manager.all()) {
              const kind = history.condition?.kind;
              if (options.startAlways && !always && (kind === 'off' || kind === 'asking')) {
                void actions.start(history);
              }
              history.tell();
            }
          };
          take();
          settings.changed.connect(take);
        },
        error => console.warn('timeslip: settings could not be read:', error)
      );
    }
  }
};

// The toolbar button finds its icon by name.
void timeslipIcon;

export default plugin;
