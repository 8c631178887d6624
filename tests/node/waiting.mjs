// Waiting for what must come: for a condition, and never for time.

/** The longest that anything may take, on a machine that is busy with other things. Nothing waits
 * this long unless the test is about to fail. */
export const DEADLINE = 30_000;

/** Things that happened, and a way to wait until they are enough. */
export class Record {
  constructor() {
    this.items = [];
    this.waiting = new Set();
  }

  add(item) {
    this.items.push(item);
    for (const look of this.waiting) look();
  }

  /** Waits until `holds` gives something of all that was added, and gives that. */
  until(what, holds) {
    return within(
      what,
      new Promise((resolve, reject) => {
        const look = () => {
          let found;
          try {
            found = holds(this.items);
          } catch (error) {
            this.waiting.delete(look);
            return reject(error);
          }
          if (found) {
            this.waiting.delete(look);
            resolve(found);
          }
        };
        this.waiting.add(look);
        look();
      }),
      () => JSON.stringify(this.items),
    );
  }
}

/** What a promise comes to, unless it takes too long; `instead` says what there is then. */
export async function within(what, promise, instead = () => 'nothing') {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: not within ${DEADLINE} ms; there is ${instead()}`)),
      DEADLINE,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** For what must be undone when the test is over, the last first. */
export function undoing(test) {
  const undo = [];
  test.after(async () => {
    while (undo.length > 0) await undo.pop()();
  });
  return (action) => undo.push(action);
}
