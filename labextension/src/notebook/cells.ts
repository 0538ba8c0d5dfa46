/** The cells of an open notebook: as they are, and made to be as they were. */
import { NotebookPanel } from '@jupyterlab/notebook';

import { ICellJson, ICellPlan, planCells, sameButText, sourceOf } from '../logic/cells';
import { ICellSeen } from '../logic/staleness';

/** The cells as nbformat has them, with their ids. */
export function snapshot(panel: NotebookPanel): ICellJson[] {
  const shared = panel.content.model?.sharedModel;
  return shared ? shared.cells.map(cell => ({ ...(cell.toJSON() as any), id: cell.getId() })) : [];
}

/** What decides how each code cell stands to the live state. */
export function seen(panel: NotebookPanel): ICellSeen[] {
  const found: ICellSeen[] = [];
  for (const cell of panel.content.model?.sharedModel.cells ?? []) {
    if (cell.cell_type === 'code') {
      found.push({ id: cell.getId(), count: (cell as any).execution_count ?? null, source: cell.getSource() });
    }
  }
  return found;
}

/**
 * Make the cells of the notebook those of *then*, in one transaction of the notebook's shared model.
 *
 * So one undo of the notebook takes it back, other tabs and people see it happen at once, and the file stays as it is
 * until somebody saves.
 *
 * Throws: *then* has no cells.
 */
export function restore(panel: NotebookPanel, then: ICellJson[]): ICellPlan {
  const shared = panel.content.model!.sharedModel as any;
  const plan = planCells(snapshot(panel), then);
  if (!plan.steps.length) {
    return plan;
  }
  // What was typed just before stays an undo step of its own.
  shared.undoManager?.stopCapturing?.();
  shared.transact(() => {
    for (const step of plan.steps) {
      switch (step.do) {
        case 'insert':
          shared.insertCell(step.at, plain(step.cell));
          break;
        case 'move':
          shared.moveCell(step.from, step.to);
          break;
        case 'delete':
          shared.deleteCellRange(step.from, step.end);
          break;
        case 'update':
          update(shared, step.at, step.cell);
          break;
      }
    }
  });
  shared.undoManager?.stopCapturing?.();
  return plan;
}

function plain(cell: ICellJson): ICellJson {
  return { ...cell, source: sourceOf(cell) };
}

function update(shared: any, at: number, cell: ICellJson): void {
  const there = shared.cells[at];
  if (sameButText(there.toJSON(), cell)) {
    there.setSource(sourceOf(cell));
    return;
  }
  // Not output by output: JupyterLab would add those that come back to those that go. The new cell has the same id.
  shared.deleteCell(at);
  shared.insertCell(at, plain(cell));
}
