// What express-session and session-file-store were seen to do wrong, each against them, where it must be seen again or
// the scenario shows nothing, and against the drop-in. `npm run defects` prints what comes out as a table.
import { appendFileSync } from 'node:fs';

import { EXPRESS } from '../support/http.js';
import { faultScenarios } from './defects/faults.js';
import { fileScenarios } from './defects/files.js';
import { keepingScenarios } from './defects/keeping.js';
import { memoryScenarios } from './defects/memory.js';
import { savingScenarios } from './defects/saving.js';
import { HOLDS, type Scenario } from './defects/scenario.js';
import { dropIn, expressSession, type Express, type Subject } from './defects/subject.js';

// One scenario starts a process, which transpiles all of `src`.
jest.setTimeout(20_000);

const [, [, express5]] = EXPRESS;
const RESPONSES = [...savingScenarios, ...faultScenarios, ...keepingScenarios];
/** These are about stores, which never meet Express. */
const STORES = [...memoryScenarios, ...fileScenarios];

async function resultOf({ id, what, run }: Scenario, subject: Subject): Promise<string> {
  const result = await run(subject);
  const report = process.env['DEFECTS_REPORT'];
  if (report !== undefined)
    appendFileSync(report, `${JSON.stringify({ id, what, subject: subject.name, result })}\n`);
  return result;
}

function compare(scenarios: readonly Scenario[], express: Express): void {
  describe.each(scenarios.map((scenario) => [`${scenario.id}: ${scenario.what}`, scenario] as const))(
    '%s',
    (_title, scenario) => {
      it('express-session shows the defect', async () => {
        expect(await resultOf(scenario, expressSession(express))).not.toBe(HOLDS);
      });

      it('the drop-in does not', async () => {
        expect(await resultOf(scenario, dropIn(express))).toBe(HOLDS);
      });
    },
  );
}

describe.each(EXPRESS)('%s', (_name, express) => {
  compare(RESPONSES, express);
});

describe('the stores', () => {
  compare(STORES, express5);
});

it('asks about every defect but those of stores for Redis and SQL', () => {
  const asked = new Set([...RESPONSES, ...STORES].map(({ id }) => id));
  const known = ['M1', 'M2', 'M3', 'M4', 'M5', 'M7', 'M8', 'M9', 'M10', 'M11', 'M12', 'M13', 'M14', 'M15'];
  expect([...asked].sort()).toEqual(known.sort());
});
