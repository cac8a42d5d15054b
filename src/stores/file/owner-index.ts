// Which sessions a user has: an empty file for each, in a directory of the user. Written before the session and removed
// after it, so that a session is never missing from it; what it names besides is looked up and left out.
import {
  attempt,
  codeOf,
  createEmpty,
  flush,
  mkdir,
  readdir,
  rmdir,
  subdirectories,
  unless,
  unlink,
  type Steps,
} from './calls.js';
import { isName, isShard, type Layout, type Name } from './layout.js';
import { dirname, sep } from 'node:path';

export class OwnerIndex {
  readonly #layout: Layout;
  readonly #durable: boolean;

  constructor(layout: Layout, durable: boolean) {
    this.#layout = layout;
    this.#durable = durable;
  }

  *add(owner: string, name: Name): Steps<void> {
    const directory = this.#layout.owner(owner);
    const file = directory + sep + name;
    const created = (): Steps<boolean> => unless('EEXIST', createEmpty(file));
    for (;;) {
      try {
        yield* created();
        break;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
        // Once more if somebody takes the directory away again because it is empty.
        yield* this.#make(directory);
      }
    }
    if (this.#durable) yield* flush(directory);
  }

  *remove(owner: string, name: Name): Steps<void> {
    yield* this.drop(this.#layout.owner(owner), name);
  }

  /** Removes a session from a user's directory, and the directory with the last one. */
  *drop(directory: string, name: Name): Steps<void> {
    yield* unless('ENOENT', unlink(directory + sep + name));
    yield* attempt(rmdir(directory));
  }

  /** The names of a user's sessions, in order, and perhaps some that have ended. */
  *namesOf(owner: string): Steps<Name[]> {
    return (yield* readdir(this.#layout.owner(owner))).filter(isName).sort();
  }

  /** Every user's directory. */
  *directories(): Steps<string[]> {
    const { owners } = this.#layout;
    const found: string[] = [];
    for (const shard of (yield* subdirectories(owners)).filter(isShard))
      for (const directory of (yield* subdirectories(owners + sep + shard)).filter(isName))
        found.push(owners + sep + shard + sep + directory);
    return found;
  }

  *#make(directory: string): Steps<void> {
    const above = dirname(directory);
    for (const path of [this.#layout.owners, above, directory]) {
      const isNew = yield* mkdir(path);
      if (isNew && this.#durable) yield* flush(dirname(path));
    }
  }
}
