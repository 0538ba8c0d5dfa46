/** What the user can do with the states of a notebook, with the questions that are asked before and what is said after. */
import { Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { Fault } from './kernel/link';
import { ICellJson, IKept, isOf } from './logic/cells';
import { IFault, IState, ITravel } from './logic/contract';
import { few } from './logic/formats';
import { spoken } from './logic/spoken';
import { Turns } from './logic/turns';
import { restore, snapshot } from './notebook/cells';
import { NotebookHistory } from './notebook/history';

export type What = 'variables' | 'cells' | 'both';

/** What a verb says of a name that will not do. */
const NAMING = ['usage', 'conflict', 'name-taken', 'namespace'];

/** A question for a name, and what is done with it. */
interface IAskedName {
  title: string;
  label: string;
  text?: string;
  okLabel: string;
  words: (name: string) => string[];
  said: (name: string) => string;
}

/** Of a longer message JupyterLab shows the beginning. */
const LONGEST = 140;

/** So many states of other notebooks are passed in search of cells of this one. */
const FURTHEST = 100;

/** A travel that takes longer than this is said, with a way to end it; milliseconds. */
const SOON = 700;

export class Actions {
  constructor(private readonly trans: TranslationBundle) {}

  /** How a state is called when it is spoken of. */
  title(state: IState): string {
    return state.count === null ? state.short : `In[${state.count}]`;
  }

  /** Begin to record. A kernel is started where there is none. */
  async start(history: NotebookHistory): Promise<boolean> {
    try {
      if (await history.startKernel()) {
        await history.link?.start();
      }
    } catch (error) {
      this._complain(error);
    }
    return history.isOn;
  }

  undo(history: NotebookHistory): Promise<boolean> {
    return this._turns.take(history, () => this._travel(history, ['undo'], this.trans.__('Undone')));
  }

  redo(history: NotebookHistory): Promise<boolean> {
    return this._turns.take(history, () => this._travel(history, ['redo'], this.trans.__('Done again')));
  }

  /** Go to a state: its variables, the notebook's cells as they were, or both. */
  async goTo(history: NotebookHistory, state: IState, what: What): Promise<boolean> {
    let cells: ICellJson[] | null = null;
    if (what !== 'variables') {
      cells = await this._cellsOf(history, state);
      if (cells === null) {
        return false;
      }
    }
    if (what !== 'cells') {
      const said = this.trans.__('The variables are as they were after %1', this.title(state));
      if (!(await this._travel(history, ['checkout', state.id], said))) {
        return false;
      }
    }
    if (cells !== null) {
      this._restoreCells(history, cells);
    }
    return true;
  }

  /** Bring the last state of an earlier kernel into this one. */
  async resume(history: NotebookHistory): Promise<boolean> {
    if (!history.isOn && !(await this.start(history))) {
      // The panel says why; this may have been asked for outside of it.
      Notification.warning(this.trans.__('Recording could not begin. The panel of Timeslip says why.'), { autoClose: 8000 });
      return false;
    }
    const done = await this._travel(history, ['resume'], this.trans.__('The session goes on where it was'));
    if (done) {
      history.resumable = null;
      history.tell();
    }
    return done;
  }

  /** Rebuild what is not back by running its recorded cells, which are shown before. */
  async rebuild(history: NotebookHistory, names: string[]): Promise<boolean> {
    let steps: { execution_count: number | null; code: string; touches: string[] }[];
    try {
      steps = (await this._perform(history, ['replay', ...names, '--dry-run'])).steps ?? [];
    } catch (error) {
      this._complain(error);
      return false;
    }
    const body = document.createElement('div');
    body.className = 'timeslip-Confirm';
    const head = document.createElement('p');
    head.textContent = this.trans.__('These cells run again, apart from the session, to rebuild %1:', names.join(', '));
    body.append(head);
    for (const step of steps) {
      const code = document.createElement('pre');
      code.className = 'timeslip-Code';
      code.textContent = step.code;
      body.append(code);
      if (step.touches.length) {
        const note = document.createElement('p');
        note.className = 'timeslip-Note';
        note.textContent = this.trans.__('It seems to touch: %1', step.touches.join(', '));
        body.append(note);
      }
    }
    const result = await showDialog({
      title: this.trans.__('Run cells again'),
      body: new Widget({ node: body }),
      buttons: [Dialog.cancelButton({ label: this.trans.__('Cancel') }), Dialog.okButton({ label: this.trans.__('Run them') })]
    });
    return result.button.accept && this._do(history, ['replay', ...names], this.trans.__('Rebuilt: %1', names.join(', ')));
  }

  switchTo(history: NotebookHistory, branch: string): Promise<boolean> {
    return this._travel(history, ['switch', branch], this.trans.__('On branch %1', branch));
  }

  async pickBranch(history: NotebookHistory): Promise<void> {
    const { branch, branches } = history.model;
    const others = Object.keys(branches).filter(name => name !== branch);
    if (!others.length) {
      Notification.info(this.trans.__('There is no other branch yet'), { autoClose: 4000 });
      return;
    }
    const picked = await InputDialog.getItem({
      title: this.trans.__('Switch to branch'),
      label: this.trans.__('The variables become those of its last state.'),
      items: others,
      okLabel: this.trans.__('Switch')
    });
    if (picked.button.accept && picked.value) {
      await this.switchTo(history, picked.value);
    }
  }

  /** Only this name becomes as it was, with what shares objects with it. */
  bringBack(history: NotebookHistory, state: IState, name: string): Promise<boolean> {
    const said = this.trans.__('%1 is as it was after %2', name, this.title(state));
    return this._travel(history, ['checkout', state.id, '--', name], said);
  }

  /** The past value under another name, beside the present one. */
  async bringBackAs(history: NotebookHistory, state: IState, name: string): Promise<boolean> {
    return this._named(history, {
      title: this.trans.__('Bring back %1 as …', name),
      label: this.trans.__('Name of the variable that holds the value as it was after %1', this.title(state)),
      text: `${name}_${state.count ?? state.short}`.replace(/[^\p{L}\p{N}_]/gu, '_'),
      okLabel: this.trans.__('Bring back'),
      words: given => ['get', state.id, name, `--as=${given}`],
      said: given => this.trans.__('%1 holds %2 as it was after %3', given, name, this.title(state))
    });
  }

  async branch(history: NotebookHistory, state: IState): Promise<void> {
    await this._named(history, {
      title: this.trans.__('New branch at %1', this.title(state)),
      label: this.trans.__('A name for another idea. Nothing moves; switch goes there.'),
      okLabel: this.trans.__('Create'),
      words: name => ['branch', name, state.id],
      said: name => this.trans.__('Branch %1 begins at %2', name, this.title(state))
    });
    await history.load();
  }

  async tag(history: NotebookHistory, state: IState): Promise<void> {
    await this._named(history, {
      title: this.trans.__('Tag %1', this.title(state)),
      label: this.trans.__('A name that stays with this state. Its values are always kept.'),
      okLabel: this.trans.__('Tag'),
      words: name => ['tag', name, state.id],
      said: name => this.trans.__('%1 is called %2', this.title(state), name)
    });
    await history.load();
  }

  async describe(history: NotebookHistory, state: IState): Promise<void> {
    const picked = await InputDialog.getText({
      title: this.trans.__('Describe %1', this.title(state)),
      label: this.trans.__('What is to be remembered about this state'),
      text: state.message ?? '',
      okLabel: this.trans.__('Save')
    });
    if (picked.button.accept) {
      await this._do(history, ['describe', state.id, `--message=${picked.value ?? ''}`], null);
      await history.load();
    }
  }

  /** Ask for a name and do something with it; asked again, with what was typed, as long as the name will not do. */
  private async _named(history: NotebookHistory, asked: IAskedName): Promise<boolean> {
    let { label, text } = asked;
    for (;;) {
      const picked = await InputDialog.getText({ title: asked.title, label, text, okLabel: asked.okLabel });
      const name = picked.button.accept ? picked.value?.trim() : '';
      if (!name) {
        return false;
      }
      text = name;
      if (name.startsWith('-')) {
        label = this.trans.__('A name cannot begin with “-”.');
        continue;
      }
      try {
        this._tell(history, await this._perform(history, asked.words(name)), asked.said(name));
        return true;
      } catch (error) {
        if (error instanceof Fault && NAMING.includes(error.fault.code)) {
          label = `${error.fault.message}.`;
          continue;
        }
        this._complain(error);
        return false;
      }
    }
  }

  private async _cellsOf(history: NotebookHistory, state: IState): Promise<ICellJson[] | null> {
    try {
      const found = await this._keptFor(history, state);
      if (found.own) {
        return found.own;
      }
      if (found.other) {
        return (await this._isMeant(history, state, found.other)) ? found.other.cells : null;
      }
      Notification.warning(
        this.trans.__('No cells of the notebook were kept with %1 or a state before it. Nothing was changed.', this.title(state)),
        { autoClose: 10000 }
      );
    } catch (error) {
      this._complain(error);
    }
    return null;
  }

  /** The cells kept with the nearest state at or before *state*: of this notebook, or else of another one on its kernel. */
  private async _keptFor(history: NotebookHistory, state: IState): Promise<{ own: ICellJson[] | null; other: IKept | null }> {
    const now = snapshot(history.panel);
    let other: IKept | null = null;
    let at: string | undefined = state.id;
    for (let tries = 0; tries < FURTHEST && at !== undefined; tries++) {
      const answer: { commit: string | null; cells: IKept | null } = await history.ask('cells', { ref: at });
      if (!answer.cells?.cells.length) {
        break;
      }
      if (isOf(answer.cells, history.panel.context.localPath, now, history.others())) {
        return { own: answer.cells.cells, other };
      }
      other = other ?? answer.cells;
      at = history.model.state(answer.commit)?.parents[0];
    }
    return { own: null, other };
  }

  /** Cells of another notebook take the place of those of this one only when the user says so. */
  private async _isMeant(history: NotebookHistory, state: IState, other: IKept): Promise<boolean> {
    const [theirs, ours] = [other.metadata?.path ?? '', history.panel.context.localPath];
    const result = await showDialog({
      title: this.trans.__('These are cells of another notebook'),
      body: this.trans.__('With %1 the cells of “%2” were kept. They would take the place of those of “%3”.', this.title(state), theirs, ours),
      buttons: [Dialog.cancelButton({ label: this.trans.__('Cancel') }), Dialog.warnButton({ label: this.trans.__('Replace the cells') })]
    });
    return result.button.accept;
  }

  private _restoreCells(history: NotebookHistory, cells: ICellJson[]): void {
    try {
      const plan = restore(history.panel, cells);
      const parts = [
        plan.back ? this.trans._n('%1 cell back', '%1 cells back', plan.back) : '',
        plan.changed ? this.trans._n('%1 as it was', '%1 as they were', plan.changed) : '',
        plan.gone ? this.trans._n('%1 of later taken out', '%1 of later taken out', plan.gone) : ''
      ].filter(Boolean);
      if (parts.length) {
        const tail = this.trans.__('Edit > Undo Cell Operation takes it back; the file is as it was until you save.');
        this._say('success', `${this.trans.__('Cells:')} ${parts.join(', ')}. ${tail}`, 6000);
      } else {
        Notification.info(this.trans.__('The cells are as they were then already.'), { autoClose: 4000 });
      }
      history.markSoon();
    } catch (error) {
      this._complain(error);
    }
  }

  /** A verb that changes the variables: first what it would do is looked at, and asked about when it is not all exact. */
  private async _travel(history: NotebookHistory, words: string[], said: string): Promise<boolean> {
    const at = words.indexOf('--');
    const [verb, names] = at === -1 ? [words, []] : [words.slice(0, at), words.slice(at)];
    if (history.options.ask) {
      let foreseen: ITravel;
      try {
        foreseen = await this._perform(history, [...verb, '--dry-run', ...names]);
      } catch (error) {
        if (error instanceof Fault && error.fault.code === 'unrestorable' && (await this._without(history, error.fault))) {
          return this._do(history, [...verb, '--allow-lost', ...names], said);
        }
        if (!(error instanceof Fault && error.fault.code === 'unrestorable')) {
          this._complain(error);
        }
        return false;
      }
      const answer = await this._confirm(history, foreseen);
      if (answer === null) {
        return false;
      }
      verb.push(...answer);
    }
    return this._do(history, [...verb, ...names], said);
  }

  /** Something that was promised cannot be brought back: whether the user goes there without it. */
  private async _without(history: NotebookHistory, fault: IFault): Promise<boolean> {
    this._turns.drop(history);
    const go = Dialog.warnButton({ label: this.trans.__('Go without it') });
    const result = await showDialog({
      title: this.trans.__('Not everything can be brought back'),
      body: `${fault.message}. ${this.trans.__('A placeholder would stand in its place and say so.')}`,
      buttons: [Dialog.cancelButton({ label: this.trans.__('Cancel') }), go]
    });
    return result.button.accept;
  }

  /** Options to go on with, none when nothing has to be asked, or null: the user does not want it. */
  private async _confirm(history: NotebookHistory, foreseen: ITravel): Promise<string[] | null> {
    const { replayed, placeholders } = foreseen;
    const lost = placeholders.filter(name => !replayed.includes(name));
    const rebuilt = Object.entries(foreseen.fidelity).filter(([, how]) => how === 'rebuilt');
    if (!replayed.length && !lost.length) {
      return [];
    }
    this._turns.drop(history);
    const body = document.createElement('div');
    body.className = 'timeslip-Confirm';
    const section = (title: string, names: string[], why: (name: string) => string) => {
      if (names.length) {
        const { shown, more } = few(names, 12);
        const head = document.createElement('p');
        head.textContent = title;
        const list = document.createElement('ul');
        for (const name of shown) {
          const item = document.createElement('li');
          const code = document.createElement('code');
          code.textContent = name;
          item.append(code, why(name) ? ` – ${why(name)}` : '');
          list.append(item);
        }
        if (more) {
          const item = document.createElement('li');
          item.textContent = this.trans.__('and %1 more', more);
          list.append(item);
        }
        body.append(head, list);
      }
    };
    const note = (name: string) => foreseen.notes[name] ?? '';
    section(this.trans.__('These could not be stored. Their cells would be run again to rebuild them:'), replayed, note);
    section(this.trans.__('These cannot be brought back. A placeholder will say so when they are used:'), lost, note);
    section(this.trans.__('These come back equal, but with a new outside resource:'), rebuilt.map(([name]) => name), note);
    const buttons = [Dialog.cancelButton({ label: this.trans.__('Cancel') })];
    if (replayed.length) {
      buttons.push(Dialog.okButton({ label: this.trans.__('Without running cells'), className: 'timeslip-plain' }));
    }
    buttons.push(Dialog.okButton({ label: replayed.length ? this.trans.__('Run them') : this.trans.__('Go on') }));
    const result = await showDialog({
      title: this.trans.__('Not everything comes back as it was'),
      body: new Widget({ node: body }),
      buttons
    });
    if (!result.button.accept) {
      return null;
    }
    if (!replayed.length) {
      return [];
    }
    return [result.button.label === buttons[1].label ? '--no-replay' : '--replay'];
  }

  /** Do it, say what came of it. */
  private async _do(history: NotebookHistory, words: string[], said: string | null): Promise<boolean> {
    try {
      const answer = await this._perform(history, words);
      if (said !== null) {
        this._tell(history, answer, said);
      }
      return true;
    } catch (error) {
      this._complain(error);
      return false;
    }
  }

  private _tell(history: NotebookHistory, answer: any, said: string): void {
    const lost: string[] = answer.placeholders ?? [];
    const messages: string[] = answer.messages ?? [];
    const tail = [...messages.map(spoken), lost.length ? this.trans.__('Not back: %1', lost.join(', ')) : ''].filter(Boolean);
    const text = [said, ...tail].join('\n');
    if (lost.length) {
      const label = this.trans.__('Run their cells again …');
      const actions = [{ label, callback: () => void this.rebuild(history, lost) }];
      this._say('warning', text, 20000, actions);
    } else if (tail.length) {
      this._say('warning', text, 10000);
    } else {
      // What was done before is said no longer: several in a row would hide the panel.
      Notification.dismiss(this._said);
      this._said = this._say('success', text, 2500);
    }
  }

  private async _perform(history: NotebookHistory, words: string[]): Promise<any> {
    const link = history.link;
    if (!link?.isOn) {
      throw new Fault({ code: 'no-session', message: this.trans.__('This notebook is not being recorded') });
    }
    if (history.working !== null) {
      const working = this.trans.__('Timeslip is at work already. Nothing was changed.');
      throw new Fault({ code: 'session-busy', message: working, hint: this.trans.__('Try again in a moment.') });
    }
    if (!link.isReachable) {
      const away = this.trans.__('The kernel cannot be reached now. Nothing was changed.');
      throw new Fault({ code: 'session-busy', message: away, hint: this.trans.__('Try again when the connection is back.') });
    }
    if (await link.busy()) {
      const busy = this.trans.__('A cell is running. Nothing was changed.');
      throw new Fault({ code: 'session-busy', message: busy, hint: this.trans.__('Try again when it has ended, or interrupt it.') });
    }
    history.working = words[0];
    history.tell();
    let shown: string | null = null;
    const cancel = { label: this.trans.__('Cancel'), callback: () => void link.kernel.interrupt() };
    const timer = window.setTimeout(() => {
      shown = Notification.emit(this.trans.__('Timeslip is working …'), 'in-progress', { actions: [cancel], autoClose: false });
    }, SOON);
    try {
      const { answer, notices } = await link.perform(words, text => {
        if (shown !== null && text) {
          Notification.update({ id: shown, message: text });
        }
      });
      for (const notice of notices) {
        this._say('info', spoken(notice), 8000);
      }
      return answer;
    } finally {
      window.clearTimeout(timer);
      if (shown !== null) {
        Notification.dismiss(shown);
      }
      history.working = null;
      history.tell();
    }
  }

  private _said = '';
  private _turns = new Turns();

  private _complain(error: unknown): void {
    if (error instanceof Fault) {
      const { message, hint, code } = error.fault;
      if (code === 'nothing-to-undo') {
        Notification.info(message, { autoClose: 4000 });
      } else {
        this._refuse([message, hint].filter(Boolean).join('\n'));
      }
    } else {
      this._refuse(String((error as Error)?.message ?? error));
    }
  }

  /** What is said again takes the place of what was said before: ten times the same would hide the panel. */
  private _refuse(text: string): void {
    Notification.dismiss(this._refused.get(text) ?? '');
    this._refused.set(text, this._say('error', text, 12000));
  }

  /** Say something for a while. What is too long for it can be read in a dialog. */
  private _say(kind: 'info' | 'success' | 'warning' | 'error', text: string, autoClose: number, actions: Notification.IAction[] = []): string {
    const all = { label: this.trans.__('Read all'), callback: () => void this._show(text) };
    const told = text.length > LONGEST ? [...actions, all] : actions;
    return Notification.emit(text, kind, { autoClose, actions: told });
  }

  private async _show(text: string): Promise<void> {
    const body = document.createElement('div');
    body.className = 'timeslip-Confirm timeslip-Said';
    body.textContent = text;
    const close = Dialog.okButton({ label: this.trans.__('Close') });
    await showDialog({ title: this.trans.__('Timeslip'), body: new Widget({ node: body }), buttons: [close] });
  }

  private _refused = new Map<string, string>();
}
