// Stands in for `core/options.ts` in mutation runs: loading zod costs more than all tests of the commit together.
export const checkOptions = (): void => undefined;
