// Which sessions a user has: an empty file for each, in a directory of the user. Written before the session and removed
// after it, so that a session is never missing from it; what it names besides is looked up and left out.
import { dirname, sep } from 'node:path';

import {
  attempt,
  createEmpty,
  flush,
  mkdir,
  readdir,
  rmdir,
  stat,
  subdirectories,
  unless,
  unlink,
  type Steps,
} from './calls.js';
import { isName, isShard, type Layout, type Name } from './layout.js';

export class OwnerIndex {
  readonly #layout: Layout;
  readonly #durable: boolean;

  constructor(layout: Layout, durable: boolean) {
    this.#layout = layout;
    this.#durable = durable;
  }

  *add(owner: string, name: Name): Steps<void> {
    const directory = this.#layout.owner(owner);
    yield* this.restore(directory, name);
    if (!this.#durable) return;
    // Whoever made the directories, and may not have flushed their names yet.
    for (const path of [directory, dirname(directory), this.#layout.owners, this.#layout.root])
      yield* unless('ENOENT', flush(path));
  }

  /** Adds a session unless it is named already. */
  *ensure(owner: string, name: Name): Steps<void> {
    if ((yield* stat(this.#layout.owner(owner) + sep + name)) === undefined) yield* this.add(owner, name);
  }

  /** Names a session in a directory. Again if somebody takes the directory away meanwhile because it is empty. */
  *restore(directory: string, name: Name): Steps<void> {
    while (!(yield* this.#name(directory + sep + name))) yield* this.#make(directory);
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

  /** The folders that hold the users' directories. */
  *shards(): Steps<string[]> {
    const { owners } = this.#layout;
    return (yield* subdirectories(owners)).filter(isShard).map((shard) => owners + sep + shard);
  }

  /** The users' directories in a folder. */
  *directoriesIn(shard: string): Steps<string[]> {
    return (yield* subdirectories(shard)).filter(isName).map((directory) => shard + sep + directory);
  }

  /** False if the directory is not there. */
  *#name(path: string): Steps<boolean> {
    return yield* unless('ENOENT', unless('EEXIST', createEmpty(path)));
  }

  *#make(directory: string): Steps<void> {
    const above = dirname(directory);
    for (const path of [this.#layout.owners, above, directory]) yield* mkdir(path);
  }
}
