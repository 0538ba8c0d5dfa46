/** An answer of the kernel as React state: asked for again whenever *key* changes, and forgotten when it comes late. */
import * as React from 'react';

import { Fault } from '../kernel/link';

export interface IAsked<T> {
  answer: T | null;
  error: string | null;
}

export function useAsked<T>(key: string | null, ask: () => Promise<T>): IAsked<T> {
  const [got, setGot] = React.useState<IAsked<T> & { key: string | null }>({ answer: null, error: null, key: null });
  React.useEffect(() => {
    let wanted = true;
    if (key !== null) {
      ask().then(
        answer => wanted && setGot({ answer, error: null, key }),
        error => wanted && setGot({ answer: null, error: told(error), key })
      );
    }
    return () => {
      wanted = false;
    };
  }, [key]);
  return got.key === key ? got : { answer: null, error: null };
}

function told(error: unknown): string {
  if (error instanceof Fault) {
    return [error.fault.message, error.fault.hint].filter(Boolean).join('. ');
  }
  return String((error as Error)?.message ?? error);
}
