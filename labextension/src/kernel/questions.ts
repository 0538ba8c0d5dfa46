/** What is asked over one comm, and not answered yet. */
import { JSONObject } from '@lumino/coreutils';

import { messages } from '../logic/pieces';
import { IComm } from './comm';

/** After so long a question is asked again that the kernel has read and not answered, milliseconds. */
export const LOST = 500;

interface IWaiting {
  /** The messages that ask it. */
  parts: JSONObject[];
  resolve: (answer: any) => void;
  reject: (error: Error) => void;
}

export class Questions {
  constructor(readonly comm: IComm) {}

  /** Ask something. *tooLong*: what is said where it is too long for one message, and the kernel knows no pieces. */
  ask(verb: string, details: JSONObject, tooLong: Error | null): Promise<any> {
    const id = ++this._lastId;
    const parts = messages({ id, verb, ...details });
    if (parts.length > 1 && tooLong !== null) {
      return Promise.reject(tooLong);
    }
    return new Promise((resolve, reject) => {
      this._waiting.set(id, { parts, resolve, reject });
      void this._send(id, parts);
    });
  }

  /** The kernel has said something: nothing where nobody waits for it any more. */
  answered(data: any, fault: (error: any) => Error): void {
    const waiting = this._waiting.get(data.id);
    this._waiting.delete(data.id);
    if (data.error) {
      waiting?.reject(fault(data.error));
    } else {
      waiting?.resolve(data.answer);
    }
  }

  /** The connection was away: what is not answered may not have been heard. */
  again(lost: () => Error): void {
    for (const [id, { parts, reject }] of this._waiting) {
      if (parts.length === 1) {
        void this._send(id, parts);
      } else {
        // It may have been this that was too much for the connection.
        this._waiting.delete(id);
        reject(lost());
      }
    }
  }

  /** Nothing is answered any more. */
  end(why: Error): void {
    for (const waiting of this._waiting.values()) {
      waiting.reject(why);
    }
    this._waiting.clear();
  }

  /**
   * Ask, and again as long as no answer has come though the kernel has read the question.
   *
   * While a cell prints more than the server lets through, the server drops whatever the kernel sends, answers too. So
   * it is asked twice then: with the end of the first the server begins to count anew, and the second answer comes
   * through. All that can be asked here only looks, or is the same when it is done twice; what takes long the kernel
   * does once.
   */
  private async _send(id: number, parts: JSONObject[]): Promise<void> {
    const { comm } = this;
    const whole = async () => {
      for (const part of parts) {
        await comm.send(part).done;
      }
    };
    try {
      await whole();
      await pause(LOST);
      while (this._waiting.has(id) && !comm.isDisposed) {
        if (parts.length > 1) {
          await whole();
        } else {
          void comm.send(parts[0]).done.catch(() => undefined);
        }
        await whole();
        await pause(LOST);
      }
    } catch (error) {
      // The kernel is ending, which is told elsewhere.
    }
  }

  private _lastId = 0;
  private _waiting = new Map<number, IWaiting>();
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => window.setTimeout(resolve, milliseconds));
}
