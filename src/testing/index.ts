// `session-store-js/testing`: proves a store, moves time, and makes stores fail. For tests only; needs no test runner.
export { storeContract, type ContractCase, type ContractOptions } from './contract-kit.js';
export { createFakeClock, type FakeClock } from './fake-clock.js';
export { CallLog, faultyStore, type FaultyStore, type FaultyStoreOptions } from './faulty-store.js';
export { Faults, OPERATIONS, type FailureOptions, type FaultOptions, type Operation } from './faults.js';
