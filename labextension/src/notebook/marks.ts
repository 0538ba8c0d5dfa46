/** Quiet marks in the margin of the cells: where the session is, and whose outputs belong to another state. */
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';

import { Standing } from '../logic/staleness';

type Marked = 'here' | 'near' | 'stale';

const MARK = 'timeslip-CellMark';

export function mark(panel: NotebookPanel, standings: Map<string, Standing>, trans: TranslationBundle): void {
  for (const cell of panel.content.widgets) {
    const standing = standings.get(cell.model.sharedModel.getId()) ?? 'unknown';
    const shown = standing === 'current' || standing === 'unknown' ? '' : standing;
    const there = cell.node.querySelector<HTMLElement>(`:scope > .${MARK}`);
    if ((there?.dataset.standing ?? '') === shown) {
      continue;
    }
    there?.remove();
    if (shown) {
      cell.node.append(element(shown, trans));
    }
  }
}

export function unmark(panel: NotebookPanel): void {
  panel.content.node.querySelectorAll(`.${MARK}`).forEach(node => node.remove());
}

function element(standing: Marked, trans: TranslationBundle): HTMLElement {
  const node = document.createElement('div');
  const said = {
    here: trans.__('You are here: the variables are as they were after this cell'),
    near: trans.__('You are here, but some variables were brought back or changed since this cell ran'),
    stale: trans.__('This output belongs to another state: the variables are not as they were after this cell')
  }[standing];
  node.className = MARK;
  node.dataset.standing = standing;
  node.title = said;
  node.setAttribute('role', 'img');
  node.setAttribute('aria-label', said);
  return node;
}
