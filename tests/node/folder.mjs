// A folder to serve, and writes to it.

import { appendFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A new folder, which goes when the test is over (see `undoing`). */
export function folder(finally_) {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'fanfare-')));
  finally_(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    uri: (name) => pathToFileURL(join(path, name)).href,
    write: (name, content) => writeFileSync(join(path, name), content),
    /** A write in one appended piece, so that no reader sees half of it. */
    add: (name, text) => appendFileSync(join(path, name), text),
  };
}
