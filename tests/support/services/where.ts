// Tests that need a server: they run where it is installed; in CI a missing one fails, elsewhere the report says how to get it.
import { isAvailable } from '../tools.js';

export interface Needed {
  isThere(): boolean;
  readonly advice: string;
}

export function whereThereIs({ isThere, advice }: Needed, tests: () => void): void {
  if (isAvailable('A server', isThere(), advice)) tests();
  // Jest takes a file without tests for a mistake.
  else it(`is not shown here: ${advice}`, () => undefined);
}
