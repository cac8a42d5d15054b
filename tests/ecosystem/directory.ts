// A directory that is there and empty, and gone when the test file ends.
import { mkdirSync } from 'node:fs';

import { freshPath } from '../support/directory.js';

export function freshDirectory(): string {
  const path = freshPath();
  mkdirSync(path);
  return path;
}
