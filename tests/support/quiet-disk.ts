// Waits for what goes through the thread pool to the disk, so that a clock that is set forward ends nobody's time.

/** Resolves when no call to the disk is under way, and none has come of the last one. */
export async function diskIsQuiet(): Promise<void> {
  for (let quiet = 0; quiet < 5;) {
    await new Promise((resolve) => setImmediate(resolve));
    quiet = process.getActiveResourcesInfo().includes('FSReqCallback') ? 0 : quiet + 1;
  }
}
