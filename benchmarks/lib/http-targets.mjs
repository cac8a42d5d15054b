// What sessions may cost a request, beside what they cost elsewhere: the targets of benchmarks/http.mjs.
import { WORKLOADS } from './http-app.mjs';
import { CONFIGURATIONS } from './http-configurations.mjs';
import { BASE } from './http-rounds.mjs';
import { added, medianRatio, roundsOf } from './http-tables.mjs';

const W1_TO_W3 = ['W1', 'W2', 'W3'];

/** The processor time added, as a share of what another one adds. */
const cpuShare = (scenario, name, base, workload, required, aim) => ({
  scenario,
  names: [name, base, BASE],
  what: `processor time added, ${CONFIGURATIONS[name].title} / ${CONFIGURATIONS[base].title}, ${WORKLOADS[workload].title}`,
  figure: (results) => cpuShareOf(results, name, base, workload),
  note: name === 'facade' ? requestSession(base, workload) : undefined,
  required: { atMost: required },
  aim: { atMost: aim },
});

/** What the same comes to through `req.session`: no target, for comparison. */
const requestSession = (base, workload) => (results) =>
  results.has('req.session')
    ? `req.session: ${cpuShareOf(results, 'req.session', base, workload)?.toFixed(2) ?? 'too noisy'}`
    : undefined;

/** Null where one of them seems to add less than nothing: then the machine was measured, and not the two. */
function cpuShareOf(results, name, base, workload) {
  const ofBase = added(results, base, workload);
  if (ofBase.some((us) => us <= 0)) return null;
  const share = medianRatio(added(results, name, workload), ofBase);
  return share < 0 ? null : share;
}

const throughput = (name, base, workload, required, aim) => ({
  scenario: 'main',
  names: [name, base],
  what: `requests a second, ${CONFIGURATIONS[name].title} / ${CONFIGURATIONS[base].title}, ${WORKLOADS[workload].title}`,
  figure(results) {
    // BASE is there twice: in the rounds of what waits too.
    const { cells } = base === BASE ? results.get(name).base : results.get(base);
    return medianRatio(roundsOf(results, name, workload, 'rate'), cells[workload].rate);
  },
  required: required === undefined ? undefined : { atLeast: required },
  aim: aim === undefined ? undefined : { atLeast: aim },
});

const TARGETS = [
  cpuShare('main', 'facade', 'express-session', 'W1', 1 / 3, 1 / 6),
  cpuShare('main', 'facade', 'express-session', 'W2', 2 / 5, 1 / 4),
  cpuShare('main', 'facade', 'express-session', 'W3', 2 / 5, 1 / 4),
  ...W1_TO_W3.map((workload) => cpuShare('4kb', 'facade', 'express-session', workload, 1 / 3, 1 / 5)),
  throughput('facade', BASE, 'W4', 0.93, 0.97),
  cpuShare('main', 'facade', 'express-session', 'W4', 1 / 4, 1 / 10),
  ...W1_TO_W3.map((workload) => cpuShare('main', 'drop-in', 'express-session', workload, 1 / 2, 1 / 3)),
  throughput('file-process', 'session-file-store', 'W1', 4, 6),
  throughput('file-process', 'session-file-store', 'W4', 4, 6),
  throughput('file-power', 'session-file-store', 'W2', 1.5, 3),
  throughput('file-process', 'session-file-store-unflushed', 'W2', 1.5, 3),
  throughput('redis', 'connect-redis', 'W1', 1.5),
  throughput('redis', 'connect-redis', 'W4', 2),
  throughput('redis', BASE, 'W4', undefined, 0.93),
  {
    scenario: 'main',
    names: ['facade', 'express'],
    what: 'p99 of the latency, ours, memory / Express, W1 read a key',
    figure: (results) =>
      medianRatio(roundsOf(results, 'facade', 'W1', 'p99'), roundsOf(results, 'express', 'W1', 'p99')),
    required: { atMost: 1.35 },
    aim: { atMost: 1.2 },
  },
];

/** The configurations that targets are about. */
export const JUDGED = [...new Set(TARGETS.flatMap(({ names }) => names))];

/**
 * Those whose configurations were measured, as publish.mjs takes them.
 * @param measured By scenario, what http-rounds.mjs returned.
 */
export function targetsOf(measured, titles) {
  const isMeasured = ({ scenario, names }) =>
    measured.has(scenario) && names.every((name) => measured.get(scenario).has(name));
  return TARGETS.filter(isMeasured).map(({ scenario, what, figure, note, required, aim }) => ({
    what: `${what}; ${titles.get(scenario)}`,
    figure: figure(measured.get(scenario)),
    required,
    aim,
    note: note?.(measured.get(scenario)),
  }));
}
