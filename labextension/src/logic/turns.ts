/** Steps that follow each other: who presses undo three times quickly means three steps. */
export class Turns {
  /**
   * Do *act* after everything that was asked for before, for the same *owner*.
   *
   * Where a step before it was refused or called off, or `drop` was called meanwhile, it is not done any more: false.
   */
  take(owner: object, act: () => Promise<boolean>): Promise<boolean> {
    const { last, waiting } = this._queues.get(owner) ?? { last: Promise.resolve(true), waiting: new Set<object>() };
    const place = {};
    waiting.add(place);
    const turn = last.then(done => waiting.delete(place) && done && act()).catch(() => false);
    this._queues.set(owner, { last: turn, waiting });
    void turn.then(() => {
      // Nobody waits behind it: the next one begins anew, whatever became of this one.
      if (this._queues.get(owner)?.last === turn) {
        this._queues.delete(owner);
      }
    });
    return turn;
  }

  /** Nothing that waits is done: something is asked that nobody knew when it was asked for. */
  drop(owner: object): void {
    this._queues.get(owner)?.waiting.clear();
  }

  private _queues = new WeakMap<object, { last: Promise<boolean>; waiting: Set<object> }>();
}
