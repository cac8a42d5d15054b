import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  moduleNameMapper: {
    '^session-store-js$': '<rootDir>/src/index.ts',
    '^session-store-js/(mysql|postgres|redis|sqlite)$': '<rootDir>/src/stores/$1/index.ts',
    '^session-store-js/(express-session|testing)$': '<rootDir>/src/$1/index.ts',
    '^(\\.{1,2}/.*/src/(?:.*/)?index)\\.cjs$': '$1.cts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.c?ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.jest.json' }] },
  collectCoverageFrom: ['src/**/*.{ts,cts}'],
  // The default leaves one of two cores idle.
  maxWorkers: '100%',
  // v8's own takes three times as long: it goes through the source maps of every file again for every test file.
  coverageProvider: 'babel',
  coverageReporters: ['text-summary', 'json-summary', 'html'],
  // For machines that are busy with other things; what must be quick says so itself.
  testTimeout: 20_000,
  coverageThreshold: { global: { lines: 95, branches: 90 } },
};

export default config;
