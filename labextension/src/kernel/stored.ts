/** The history of a notebook whose kernel is not there: the server reads it out of the store. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { JSONObject } from '@lumino/coreutils';

import { IState } from '../logic/contract';
import { Fault } from './link';

/** Whoever answers questions about a history. */
export interface IAnswering {
  ask(verb: string, details?: JSONObject): Promise<any>;
}

export class StoredHistory implements IAnswering {
  constructor(
    private readonly path: string,
    /** What a new kernel could bring back. */
    readonly last: IState
  ) {}

  /** The history of the notebook at *path*, or null: nothing was recorded, a kernel lives, or the server knows nothing. */
  static async find(path: string): Promise<StoredHistory | null> {
    try {
      const found = await get('resumable', { path });
      return found.kernel === 'none' && found.state ? new StoredHistory(path, found.state) : null;
    } catch (error) {
      return null;
    }
  }

  ask(verb: string, details: JSONObject = {}): Promise<any> {
    const { words, ...rest } = details as any;
    const given = words ? { ref: words[0] } : rest;
    return get(verb, { path: this.path, ...given });
  }
}

async function get(verb: string, query: { [key: string]: unknown }): Promise<any> {
  const settings = ServerConnection.makeSettings();
  const words: { [key: string]: string } = {};
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) {
      words[key] = String(value);
    }
  }
  const url = URLExt.join(settings.baseUrl, 'timeslip', verb) + URLExt.objectToQueryString(words);
  const reply = await ServerConnection.makeRequest(url, {}, settings);
  const body = await reply.json();
  if (!reply.ok) {
    throw new Fault(body?.error ?? { code: 'server', message: reply.statusText });
  }
  return body;
}
