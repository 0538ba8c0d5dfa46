/** An answer of the kernel as React state: asked for again whenever *key* changes, and forgotten when it comes late. */
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Fault } from '../kernel/link';
import { NotebookHistory } from '../notebook/history';

export interface IAsked<T> {
  answer: T | null;
  error: string | null;
  /** Whether there is nothing yet, after longer than an answer takes. */
  late: boolean;
}

/** So long an answer of a kernel that is free may take, milliseconds. */
const PROMPT = 1000;

export function useAsked<T>(key: string | null, ask: () => Promise<T>): IAsked<T> {
  const [got, setGot] = React.useState<IAsked<T> & { key: string | null }>({ ...NOTHING, key: null });
  React.useEffect(() => {
    let wanted = true;
    const take = (found: Partial<IAsked<T>>) => {
      if (wanted) {
        window.clearTimeout(timer);
        setGot({ ...NOTHING, ...found, key });
      }
    };
    const timer = window.setTimeout(() => key !== null && take({ late: true }), PROMPT);
    if (key !== null) {
      ask().then(
        answer => take({ answer }),
        error => take({ error: told(error) })
      );
    }
    return () => {
      wanted = false;
      window.clearTimeout(timer);
    };
  }, [key]);
  return got.key === key ? got : NOTHING;
}

const NOTHING = { answer: null, error: null, late: false };

/** Why there is no answer yet, where that is known: an older ipykernel answers between cells. */
export function whyLate(asked: IAsked<unknown>, history: NotebookHistory, trans: TranslationBundle): string {
  if (!asked.late || !history.link) {
    return '';
  }
  if (!history.link.isReachable) {
    return trans.__('The kernel cannot be reached now.');
  }
  return history.link.isRunning ? trans.__('A cell is running: this kernel answers when it has ended.') : '';
}

function told(error: unknown): string {
  if (error instanceof Fault) {
    return [error.fault.message, error.fault.hint].filter(Boolean).join('. ');
  }
  return String((error as Error)?.message ?? error);
}
