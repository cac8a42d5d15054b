import type { Config } from 'jest';

import root from '../../jest.config';

// The packages of this folder run as they are published: only our own files are compiled.
const { coverageThreshold, ...rest } = root;
const config: Config = {
  ...rest,
  rootDir: '../..',
  roots: ['<rootDir>/tests/ecosystem'],
  testTimeout: 30_000,
};

export default config;
