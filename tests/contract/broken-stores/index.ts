// Every broken store: what the kit must find out.
import type { BrokenStore } from './broken-store.js';
import { brokenEndings } from './broken-endings.js';
import { brokenListings } from './broken-listings.js';
import { brokenReads } from './broken-reads.js';
import { brokenWrites } from './broken-writes.js';

export const brokenStores: readonly BrokenStore[] = [
  ...brokenReads,
  ...brokenWrites,
  ...brokenEndings,
  ...brokenListings,
];
