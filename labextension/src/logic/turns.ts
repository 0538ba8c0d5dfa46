/** Steps that follow each other: who presses undo three times quickly means three steps. */
export class Turns {
  /**
   * Do *act* after everything that was asked for before, for the same *owner*.
   *
   * Where a step before it was refused or called off, it is not done any more: false.
   */
  take(owner: object, act: () => Promise<boolean>): Promise<boolean> {
    const before = this._last.get(owner) ?? Promise.resolve(true);
    const turn = before.then(done => done && act()).catch(() => false);
    this._last.set(owner, turn);
    void turn.then(() => {
      // Nobody waits behind it: the next one begins anew, whatever became of this one.
      if (this._last.get(owner) === turn) {
        this._last.delete(owner);
      }
    });
    return turn;
  }

  private _last = new WeakMap<object, Promise<boolean>>();
}
