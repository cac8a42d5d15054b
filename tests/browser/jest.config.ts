import type { Config } from 'jest';

import root from '../../jest.config';

// One browser at a time, and time for it to start on a busy machine.
const { coverageThreshold, ...rest } = root;
const config: Config = {
  ...rest,
  rootDir: '../..',
  roots: ['<rootDir>/tests/browser'],
  maxWorkers: 1,
  testTimeout: 30_000,
};

export default config;
