import type { Config } from 'jest';

import root from '../../jest.config';

// Clusters take both cores: one file at a time.
const { coverageThreshold, ...rest } = root;
const config: Config = {
  ...rest,
  rootDir: '../..',
  roots: ['<rootDir>/tests/services'],
  maxWorkers: 1,
  testTimeout: 60_000,
};

export default config;
